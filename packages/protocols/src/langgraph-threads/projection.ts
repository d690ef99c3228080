import type { StreamEventData } from '@millrace/contracts';
import { usageMetadata, wireMessage } from '../langgraph/messages.ts';
import { conversationIn } from '../langgraph/teller.ts';
import { type Continuation, goOn, type Projection, type Step, type StepContext } from '../projection/projection.ts';
import { type DeltaEvent, isDeltaEvent, type ReadEvent } from '../projection/read-event.ts';
import type { StreamedJob } from '../stream-format.ts';
import type { EventFilter } from './event-filter.ts';
import {
  NO_RUN,
  type OpenBlock,
  type OpenMessage,
  ROOT,
  replaced,
  type ThreadRun,
  type Told,
  type ToldMessage,
  toldIn,
  type WirePlace,
} from './run.ts';

/** The events of a turn have the numbers from turn · 1,000,000,000 + 1 on. */
export const EVENTS_PER_TURN = 1_000_000_000;

interface MessageFault {
  readonly message: string;
  readonly code: string;
}

const SUPERSEDED: MessageFault = { message: 'A worker was lost, and the answer began anew.', code: 'superseded' };

/** The events of LangGraph's thread protocol, of one job. Each event of the log is a fixed number of them, whatever the client
 *  has asked for: what it does not want is an empty frame.
 *
 *  There are no times in the log, so `params.timestamp` is left out: the client drops events that seem older than the state that it has.
 *  @see docs/protocols.md */
export class ThreadProjection implements Projection<ThreadRun> {
  readonly contentType = 'text/event-stream';

  constructor(private readonly filter: EventFilter) {}

  headers(): Readonly<Record<string, string>> {
    return {};
  }

  initial(): ThreadRun {
    return NO_RUN;
  }

  step(run: ThreadRun, event: ReadEvent, context: StepContext): Step<ThreadRun> {
    if (isDeltaEvent(event) && event.quoted !== '') {
      const open = this.continuation(run, event, context.job);
      if (open !== null) return goOn(open, run, { quoted: event.quoted, number: context.number });
    }
    const scribe = new Scribe(run, context, this.filter);
    scribe.tell(event);
    return { state: scribe.run, frames: scribe.frames };
  }

  /** How a block that is open goes on: the path of a token. */
  continuation(run: ThreadRun, delta: DeltaEvent, job: StreamedJob): Continuation<ThreadRun> | null {
    const { messages, current } = run;
    const { data } = delta;
    const id = data.messageId ?? current ?? implicitId(job);
    const message = messages.find((each) => each.id === id);
    const block = message === undefined ? undefined : openBlockOf(message, delta);
    if (message === undefined || block === undefined) return null;
    const extend = (before: ThreadRun, quoted: string) => extended(before, { message, block, quoted });
    const write = this.filter.takes('messages', message.place.namespace)
      ? writerOf(block, message.place, job)
      : () => '';
    return { beforeNumber: null, before: '', after: '', write, extend };
  }

  diverged(): readonly string[] {
    return [];
  }

  takeBack(told: ThreadRun, said: ThreadRun, context: StepContext): Step<ThreadRun> {
    const scribe = new Scribe(said, context, this.filter);
    scribe.takeBack(told);
    return { state: scribe.run, frames: scribe.frames };
  }
}

/** Tells events, and keeps what its reader knows. */
class Scribe {
  readonly frames: string[] = [];

  constructor(
    public run: ThreadRun,
    private readonly context: StepContext,
    private readonly filter: EventFilter,
  ) {}

  tell(event: ReadEvent): void {
    switch (event.type) {
      case 'started':
        if (!this.run.hasStarted) {
          this.#know({ hasStarted: true });
          this.#lifecycle([], { event: 'running' });
        }
        break;
      case 'message_start':
        this.#beginAnnounced(event.data);
        break;
      case 'text':
        this.#piece(event, 'text');
        break;
      case 'reasoning':
        this.#piece(event, 'reasoning');
        break;
      case 'tool_call_start':
        this.#beginCall(event.data);
        break;
      case 'tool_call':
        this.#call(event.data);
        break;
      case 'tool_result':
        this.#result(event.data);
        break;
      case 'message_end':
        this.#endAnnounced(event.data);
        break;
      case 'custom':
        this.#fact('custom', ROOT, customOf(event.data));
        break;
      case 'state':
        this.#state(event.data);
        break;
      case 'interrupt':
        this.#fact('input.requested', ROOT, { interrupt_id: event.data.interruptId, payload: event.data.value });
        break;
      case 'done':
        for (const message of this.run.messages) this.#finish(message, event.data.finishReason, event.data.usage);
        for (const { id, place } of this.run.voided) this.#empty(id, place);
        this.#tellConversation();
        this.#end(event.data.finishReason === 'interrupt' ? 'interrupted' : 'completed');
        break;
      case 'error':
        for (const message of this.run.messages) this.#fail(message, event.data);
        this.#end('failed', event.data.message);
        break;
      case 'cancelled':
        for (const message of this.run.messages) this.#cutShort(message);
        this.#end('interrupted');
        break;
      default:
      // `accepted` says nothing, and neither does an argument of no open call, or an event of a newer worker
    }
  }

  /** The reader knows something else than this run: tells what it must know instead. */
  takeBack(told: ThreadRun): void {
    for (const message of told.messages) this.#error(message, SUPERSEDED);
    for (const namespace of this.run.spaces) {
      if (!told.spaces.some((known) => isEqual(known, namespace))) this.#started(namespace);
    }
    const [before, now] = [toldIn(told), toldIn(this.run)];
    const firstOther = now.findIndex((what, nth) => !isSame(what, before[nth]));
    const common = firstOther === -1 ? now.length : firstOther;
    this.#dropMessages(told, before.slice(common));
    for (const what of now.slice(common)) {
      if ('method' in what) this.#send(what.method, what.place, what.data);
      else this.#whole(what);
    }
    if (this.run.values !== undefined) this.#send('values', ROOT, this.run.values);
    for (const message of this.run.messages) this.#soFar(message);
  }

  /** A client drops a message that one state has and the next one has not. */
  #dropMessages(told: ThreadRun, old: readonly Told['what'][]): void {
    const { values = told.values } = this.run;
    const kept = new Set([...toldIn(this.run), ...this.run.messages].map((what) => ('id' in what ? what.id : '')));
    const all = [...told.voided, ...old.filter((what) => 'id' in what), ...told.messages];
    const gone = all.filter(({ id }) => !kept.has(id));
    if (!hasMessages(values)) {
      this.#know({ voided: gone.map(({ id, place }) => ({ id, place })) });
      return;
    }
    if (gone.length === 0) return;
    const messages = [...values.messages, ...gone.map(({ id }) => ({ type: 'ai', id, content: '' }))];
    this.#send('values', ROOT, { ...values, messages });
    this.#send('values', ROOT, values);
  }

  #whole({ id, place, blocks, finish }: ToldMessage): void {
    this.#message(place, { event: 'message-start', id, role: 'ai' });
    blocks.forEach((content, index) => {
      this.#message(place, { event: 'content-block-start', index, content });
      this.#message(place, { event: 'content-block-finish', index, content });
    });
    this.#message(place, finish);
  }

  /** What the reader was told of the message is void. */
  #empty(id: string, place: WirePlace): void {
    this.#message(place, { event: 'message-start', id, role: 'ai' });
    this.#message(place, { event: 'message-finish', reason: 'superseded' });
  }

  #soFar({ id, place, blocks, open }: OpenMessage): void {
    this.#message(place, { event: 'message-start', id, role: 'ai' });
    blocks.forEach((whole, index) => {
      const block = open.find((each) => each.index === index);
      const content = whole ?? startOf(block as OpenBlock, textOf(block as OpenBlock));
      this.#message(place, { event: 'content-block-start', index, content });
      if (whole !== null) this.#message(place, { event: 'content-block-finish', index, content });
    });
  }

  #beginAnnounced({ messageId, node, namespace = [] }: StreamEventData['message_start']): void {
    const place = { namespace: this.#enter(namespace), ...(node === undefined ? {} : { node }) };
    this.#know({ current: messageId });
    const unfinished = this.run.messages.find(({ id }) => id === messageId);
    if (unfinished !== undefined) this.#fail(unfinished, { message: 'The message began anew.', code: 'superseded' });
    this.#begin({ id: messageId, place: this.#ofItsOwn(place), isAnnounced: true, blocks: [], open: [] });
  }

  #begin(message: OpenMessage): OpenMessage {
    const { id, place } = message;
    const { messages, voided } = this.run;
    this.#know({ messages: [...messages, message], voided: voided.filter((each) => each.id !== id) });
    this.#message(place, { event: 'message-start', id, role: 'ai' });
    return message;
  }

  /** A client knows the message of an event by its place: two that are open at once need two. */
  #ofItsOwn(place: WirePlace): WirePlace {
    const taken = new Set(this.run.messages.map((open) => placeJson(open.place)));
    if (!taken.has(placeJson(place))) return place;
    for (let nth = 2; ; nth += 1) {
      const other = { ...place, node: `${place.node ?? 'model'}#${nth}` };
      if (!taken.has(placeJson(other))) return other;
    }
  }

  /** @returns the open message of an event; null: it has ended */
  #openOf({ messageId }: { readonly messageId?: string | undefined }): OpenMessage | null {
    const id = messageId ?? this.run.current ?? implicitId(this.context.job);
    const { messages } = this.run;
    const known =
      messages.length === 1 && messages[0]?.id === id ? messages[0] : messages.find((each) => each.id === id);
    if (known !== undefined) return known;
    if (messageId !== undefined || this.run.current !== null) return null;
    return this.#begin({ id, place: ROOT, isAnnounced: false, blocks: [], open: [] });
  }

  /** The first piece of a block: the next ones are told by its {@link Continuation}. */
  #piece({ data, quoted }: ReadEvent<'text' | 'reasoning'>, kind: 'text' | 'reasoning'): void {
    if (data.text === '') return;
    const message = this.#openOf(data);
    if (message === null) return;
    const block = { kind, index: message.blocks.length, quoted };
    this.#beginBlock(message, block, '');
    const isWanted = this.filter.takes('messages', message.place.namespace);
    const { job, number } = this.context;
    this.frames.push(isWanted ? writerOf(block, message.place, job)(quoted, number + this.frames.length) : '');
  }

  #beginBlock(message: OpenMessage, block: OpenBlock, text: string): OpenMessage {
    const closed = this.#closeBlocks(message, (each) => each.kind !== 'call' || objectIn(textOf(each)) !== null);
    const index = closed.blocks.length;
    const begun = { ...closed, blocks: [...closed.blocks, null], open: [...closed.open, { ...block, index }] };
    this.#change(closed, begun);
    this.#message(message.place, { event: 'content-block-start', index, content: startOf(block, text) });
    return begun;
  }

  #closeBlocks(message: OpenMessage, isWhole: (block: OpenBlock) => boolean): OpenMessage {
    const whole = message.open.filter(isWhole);
    if (whole.length === 0) return message;
    const blocks = [...message.blocks];
    for (const block of whole) {
      const content = contentOf(block);
      blocks[block.index] = content;
      this.#message(message.place, { event: 'content-block-finish', index: block.index, content });
    }
    const closed = { ...message, blocks, open: message.open.filter((block) => !whole.includes(block)) };
    this.#change(message, closed);
    return closed;
  }

  #beginCall({ callId, name, messageId }: StreamEventData['tool_call_start']): void {
    const message = this.#openOf({ messageId });
    if (message === null || hasCall(message, callId)) return;
    this.#beginBlock(message, { kind: 'call', index: 0, quoted: '', callId, name }, '');
  }

  #call(call: StreamEventData['tool_call']): void {
    const { callId, name, arguments: json } = call;
    let message = this.#openOf(call);
    if (message === null) return;
    if (!hasCall(message, callId))
      message = this.#beginBlock(message, { kind: 'call', index: 0, quoted: quotedOf(json), callId, name }, json);
    const block = message.open.find((each) => each.callId === callId);
    if (block !== undefined) {
      const whole = { ...block, quoted: quotedOf(json) };
      const known = { ...message, open: replaced(message.open, block, whole) };
      this.#change(message, known);
      message = this.#closeBlocks(known, (each) => each === whole);
    }
    // an agent runs its tools itself; other calls wait for their caller
    if (message.isAnnounced) this.#startTool(call, { namespace: message.place.namespace });
  }

  #startTool({ callId, name, arguments: json }: StreamEventData['tool_call'], place: WirePlace): void {
    this.#know({ calls: new Map(this.run.calls).set(callId, place) });
    const input = objectIn(json) ?? json;
    this.#fact('tools', place, { event: 'tool-started', tool_call_id: callId, tool_name: name, input });
  }

  #result({ callId, name, content, isError }: StreamEventData['tool_result']): void {
    const place = this.run.calls.get(callId) ?? ROOT;
    if (!this.run.calls.has(callId))
      this.#fact('tools', place, { event: 'tool-started', tool_call_id: callId, tool_name: name });
    const calls = new Map(this.run.calls);
    calls.delete(callId);
    this.#know({ calls });
    const output = { type: 'tool', tool_call_id: callId, name, content, status: 'success' };
    this.#fact(
      'tools',
      place,
      isError
        ? { event: 'tool-error', tool_call_id: callId, message: content }
        : { event: 'tool-finished', tool_call_id: callId, output },
    );
  }

  #endAnnounced({ messageId, finishReason, usage }: StreamEventData['message_end']): void {
    const message = this.run.messages.find(({ id }) => id === messageId);
    if (message !== undefined) this.#finish(message, finishReason, usage);
  }

  #finish(message: OpenMessage, reason: string, usage: StreamEventData['message_end']['usage']): void {
    const { id, place, blocks } = this.#closeBlocks(message, () => true);
    const finish = { event: 'message-finish', reason, ...(usage === undefined ? {} : { usage: usageMetadata(usage) }) };
    this.#message(place, finish);
    this.#forget(message.id);
    this.#remember({ id, place, blocks: blocks as object[], finish });
  }

  #fail(message: OpenMessage, { message: text, code }: MessageFault): void {
    this.#error(message, { message: text, code });
    this.#forget(message.id);
  }

  /** A thread keeps what was said of an answer that is its only message; an agent's half message is lost. */
  #cutShort(message: OpenMessage): void {
    if (message.isAnnounced) this.#fail(message, { message: 'The run was cancelled.', code: 'aborted' });
    else this.#finish(message, 'cancelled', undefined);
  }

  #error({ place }: OpenMessage, error: MessageFault): void {
    this.#message(place, { event: 'error', ...error });
  }

  #state({ mode, data, node, namespace = [] }: StreamEventData['state']): void {
    const place = { namespace: this.#enter(namespace) };
    if (mode === 'values') {
      const conversation = namespace.length === 0 ? conversationIn(data)?.map(wireMessage) : undefined;
      const values = conversation === undefined ? data : { messages: conversation };
      if (namespace.length === 0) this.#know({ values, conversation: conversation ?? null });
      this.#send('values', place, values);
    } else if (mode === 'updates') {
      for (const update of updatesOf(data, node)) this.#fact('updates', place, update);
    } else if (mode === 'checkpoints') {
      this.#fact('checkpoints', place, checkpointOf(data));
    } else if (mode === 'tasks') {
      this.#fact('tasks', place, data);
    }
  }

  /** What a thread without an agent holds now; an agent says its state itself. */
  #tellConversation(): void {
    const { conversation } = this.run;
    if (conversation === null) return;
    const said = toldIn(this.run).flatMap((what) => ('blocks' in what ? [stateMessageOf(what)] : []));
    const values = { messages: [...conversation, ...said] };
    this.#know({ values });
    this.#send('values', ROOT, values);
  }

  /** @returns the namespace as the client reads it, which was said to have begun */
  #enter(names: readonly string[]): readonly string[] {
    const whole = names.map((name) => `${name}:0`);
    whole.forEach((_, depth) => {
      const namespace = whole.slice(0, depth + 1);
      if (this.run.spaces.some((known) => isEqual(known, namespace))) return;
      this.#know({ spaces: [...this.run.spaces, namespace] });
      this.#started(namespace);
    });
    return whole;
  }

  #started(namespace: readonly string[]): void {
    this.#lifecycle(namespace, { event: 'started', graph_name: namespace.at(-1)?.split(':', 1)[0] });
  }

  #end(event: 'completed' | 'failed' | 'interrupted', error?: string): void {
    for (const namespace of this.run.spaces.toReversed()) this.#lifecycle(namespace, { event });
    this.#lifecycle([], { event, ...(error === undefined ? {} : { error }) });
  }

  #forget(id: string): void {
    this.#know({ messages: this.run.messages.filter((message) => message.id !== id) });
  }

  #change(old: OpenMessage, by: OpenMessage): void {
    const { messages } = this.run;
    this.#know({ messages: messages.length === 1 ? [by] : replaced(messages, old, by) });
  }

  #know(news: Partial<ThreadRun>): void {
    this.run = { ...this.run, ...news };
  }

  #remember(what: Told['what']): void {
    this.#know({ told: { before: this.run.told, what } });
  }

  #fact(method: string, place: WirePlace, data: unknown): void {
    this.#remember({ method, place, data });
    this.#send(method, place, data);
  }

  #message(place: WirePlace, data: object): void {
    this.#send('messages', place, data);
  }

  /** The client finds in the ids of these events to which run they belong. */
  #lifecycle(namespace: readonly string[], data: object): void {
    const prefix = namespace.length === 0 ? 'synth:' : '';
    if (!this.filter.takes('lifecycle', namespace)) this.frames.push('');
    else this.frames.push(this.#frame('lifecycle', { namespace }, JSON.stringify(data), prefix));
  }

  #send(method: string, place: WirePlace, data: unknown): void {
    const channel = channelOf(method, data);
    if (!this.filter.takes(channel, place.namespace)) this.frames.push('');
    else this.frames.push(this.#frame(method, place, JSON.stringify(data)));
  }

  #frame(method: string, place: WirePlace, json: string, prefix = ''): string {
    const { job, number } = this.context;
    const nth = number + this.frames.length;
    const id = `${prefix}${job.id}:${nth}`;
    const params = `{${placeJson(place)},"data":${json}}`;
    const event = `"event_id":"${id}","seq":${seqOf(job, nth)},"method":"${method}","params":${params}`;
    return `id: ${id}\ndata: {"type":"event",${event}}\n\n`;
  }
}

function seqOf({ turn = 0 }: StreamedJob, nth: number): number {
  return turn * EVENTS_PER_TURN + nth + 1;
}

/** Writes the frames of a block's pieces. */
function writerOf(block: OpenBlock, place: WirePlace, job: StreamedJob): (quoted: string, nth: number) => string {
  const { kind, index } = block;
  const first = seqOf(job, 0);
  const head = `id: ${job.id}:`;
  const middle = `\ndata: {"type":"event","event_id":"${job.id}:`;
  const params = `,"method":"messages","params":{${placeJson(place)},"data":`;
  const begin = `${params}{"event":"content-block-delta","index":${index},"delta":{"type":`;
  if (kind === 'call') {
    // `content` is for clients before 1.12, which know no delta of a call and append what they find here
    const content = `"},"content":{"type":"tool_call_chunk","args":"`;
    return (quoted, nth) =>
      `${head}${nth}${middle}${nth}","seq":${first + nth}${begin}"tool-call-delta","args":"${quoted}${content}${quoted}"}}}}\n\n`;
  }
  const open = `${begin}"${kind}-delta","${kind}":"`;
  return (quoted, nth) => `${head}${nth}${middle}${nth}","seq":${first + nth}${open}${quoted}"}}}}\n\n`;
}

/** The block that a delta goes on with. */
function openBlockOf({ open, blocks }: OpenMessage, { type, data }: DeltaEvent): OpenBlock | undefined {
  if (type === 'tool_call_delta') return open.find(({ callId }) => callId === data.callId);
  const last = open.at(-1);
  return last?.kind === type && last.index === blocks.length - 1 ? last : undefined;
}

interface Extension {
  readonly message: OpenMessage;
  readonly block: OpenBlock;
  readonly quoted: string;
}

/** @param before where the block may have grown since */
function extended(before: ThreadRun, { message: { id }, block: { index }, quoted }: Extension): ThreadRun {
  const grow = (block: OpenBlock) => (block.index === index ? { ...block, quoted: block.quoted + quoted } : block);
  const extend = (each: OpenMessage) => (each.id === id ? { ...each, open: each.open.map(grow) } : each);
  return { ...before, messages: before.messages.map(extend) };
}

function textOf({ quoted }: OpenBlock): string {
  return JSON.parse(`"${quoted}"`) as string;
}

function quotedOf(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** The id under which the thread keeps the only message of a job. */
function implicitId(job: StreamedJob): string {
  return `${job.id}-said-0`;
}

function placeJson({ namespace, node }: WirePlace): string {
  const spaces = namespace.length === 0 ? '[]' : JSON.stringify(namespace);
  return node === undefined ? `"namespace":${spaces}` : `"namespace":${spaces},"node":${JSON.stringify(node)}`;
}

function channelOf(method: string, data: unknown): string {
  if (method === 'input.requested') return 'input';
  const name = method === 'custom' ? (data as { readonly name?: string }).name : undefined;
  return name === undefined ? method : `custom:${name}`;
}

function startOf({ kind, callId, name }: OpenBlock, text: string): object {
  if (kind === 'text') return { type: 'text', text };
  if (kind === 'reasoning') return { type: 'reasoning', reasoning: text };
  return { type: 'tool_call_chunk', id: callId, name, args: text };
}

/** A block that is whole, or as whole as it will be. */
function contentOf(block: OpenBlock): object {
  const { kind, callId: id, name } = block;
  const text = textOf(block);
  if (kind !== 'call') return startOf(block, text);
  const args = objectIn(text);
  return args === null
    ? { type: 'invalid_tool_call', id, name, args: text, error: 'The arguments are no JSON object.' }
    : { type: 'tool_call', id, name, args };
}

/** A message that was said, as it stands in a state. */
function stateMessageOf({ id, blocks, finish }: ToldMessage): object {
  const { usage, reason } = finish as { readonly usage?: object; readonly reason?: string };
  const ofType = (type: string) => blocks.filter((block) => 'type' in block && block.type === type);
  return {
    ...{
      type: 'ai',
      id,
      content: ofType('text')
        .map((block) => (block as { text: string }).text)
        .join(''),
    },
    ...{ additional_kwargs: {}, response_metadata: { finish_reason: reason } },
    ...{ tool_calls: ofType('tool_call'), invalid_tool_calls: ofType('invalid_tool_call') },
    ...(usage === undefined ? {} : { usage_metadata: usage }),
  };
}

function hasCall({ blocks, open }: OpenMessage, callId: string): boolean {
  return (
    open.some((block) => block.callId === callId) ||
    blocks.some((block) => block !== null && 'id' in block && block.id === callId)
  );
}

function customOf({ name, data }: StreamEventData['custom']): object {
  return { ...(name === undefined ? {} : { name }), payload: data };
}

/** An update of LangGraph's is `{<node>: …}`. */
function updatesOf(data: unknown, node: string | undefined): object[] {
  if (!isObject(data)) return [{ ...(node === undefined ? {} : { node }), values: data }];
  const updates = Object.entries(data).filter(([name]) => name !== '__metadata__');
  return updates.map(([name, values]) => ({ node: name, values }));
}

function checkpointOf(data: unknown): object {
  const { checkpointId, parentId, metadata } = isObject(data) ? data : {};
  const { step, source } = isObject(metadata) ? metadata : {};
  return { id: checkpointId, ...(parentId ? { parent_id: parentId } : {}), step, source };
}

function isSame(one: Told['what'], other: Told['what'] | undefined): boolean {
  return JSON.stringify(withoutUsage(one)) === JSON.stringify(other === undefined ? null : withoutUsage(other));
}

/** Two models that say the same may count differently. */
function withoutUsage(what: Told['what']): unknown {
  return 'finish' in what ? { ...what, finish: { ...what.finish, usage: undefined } } : what;
}

function isEqual(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((part, depth) => part === other[depth]);
}

function hasMessages(values: unknown): values is Record<string, unknown> & { readonly messages: readonly unknown[] } {
  return isObject(values) && Array.isArray(values['messages']);
}

function objectIn(json: string): object | null {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
