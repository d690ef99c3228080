import { isTerminal } from '@millrace/contracts';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { AG_UI_FORMATS } from './ag-ui/frames.ts';
import { aiSdkFormat } from './ai-sdk/frames.ts';
import { messagesFormat } from './anthropic/frames.ts';
import { DurableStreamFormat } from './durable-streams/frames.ts';
import { langGraphFormat } from './langgraph/frames.ts';
import { RUN_MODES } from './langgraph/modes.ts';
import { NativeFormat } from './native/frames.ts';
import { NativeThreadFormat } from './native/thread-frames.ts';
import { chatFormat } from './openai-chat/frames.ts';
import { responsesFormat } from './openai-responses/frames.ts';
import { readAiSdk } from './testing/ai-sdk.ts';
import { ANSWER, type Frame, itConforms, type Said } from './testing/conformance.ts';
import { projectedFormats } from './testing/projected/frames.ts';
import { scratchFormat } from './testing/scratch/frames.ts';
import { TextFormat } from './text/frames.ts';

itConforms('native', { format: new NativeFormat({ retryMs: 1_000 }), read: readNative });
itConforms('native-thread', { format: new NativeThreadFormat({ retryMs: 1_000 }), read: readNative });
itConforms('ag-ui 1.0', { format: AG_UI_FORMATS['1.0'], read: readAgUi });
itConforms('ag-ui 0.0', { format: AG_UI_FORMATS['0.0'], read: readAgUi });
itConforms('durable-streams', {
  format: new DurableStreamFormat({ cursor: '1', upToDateAt: null }),
  read: readDurable,
});
itConforms('text', { format: new TextFormat(), read: readText });
itConforms('scratch', { format: scratchFormat, read: readScratch });
for (const includesUsage of [false, true]) {
  itConforms(`openai-chat, usage ${includesUsage}`, { format: chatFormat({ includesUsage }), read: readChat });
}
itConforms('anthropic', { format: messagesFormat, read: readMessages });
itConforms('openai-responses', { format: responsesFormat, read: readResponses });
itConforms('langgraph', {
  format: langGraphFormat({ modes: new Set(['messages-tuple', 'custom']), subgraphs: true }),
  read: readRun,
});
itConforms('langgraph, all modes', {
  format: langGraphFormat({ modes: new Set(RUN_MODES.filter((mode) => mode !== 'messages')), subgraphs: false }),
  read: readRun,
});
for (const counted of [false, true]) {
  for (const whenVoid of ['break', 'error'] as const) {
    const format = aiSdkFormat({ continues: false, counted, approvals: true, whenVoid });
    const kind = counted ? 'frame' : 'none';
    itConforms(`ai-sdk, cursor ${kind}, when void ${whenVoid}`, { format, read: (body) => readAiSdk(body, kind) });
  }
}
for (const [cursor, format] of projectedFormats) {
  itConforms(`projected, cursor ${cursor}`, { format, read: (body) => readProjected(body, cursor) });
}

function readNative(body: Buffer): Frame[] {
  const frames: Frame[] = [];
  const parser = createParser({ onEvent: (message) => frames.push(nativeFrame(message)), maxBufferSize: 4_000_000 });
  parser.feed(new TextDecoder().decode(body));
  return frames;
}

function nativeFrame({ id, event = 'text', data }: EventSourceMessage): Frame {
  return { cursor: id ?? null, said: saidIn(event, data) };
}

function saidIn(event: string, data: string): Said[] {
  const { text, arguments: args, ...ids } = JSON.parse(data) as { text?: string; arguments?: string };
  if (event === 'text' || event === 'reasoning') {
    return [{ kind: 'piece', of: `${event === 'text' ? ANSWER : event} ${JSON.stringify(ids)}`, text: text ?? '' }];
  }
  if (event === 'tool_call_delta') return [{ kind: 'piece', of: `${event} ${JSON.stringify(ids)}`, text: args ?? '' }];
  const fact = `${event} ${data}`;
  if (event === 'reset') return [{ kind: 'reset', fact }];
  const end: Said[] = isTerminal(event) ? [{ kind: 'end', isSuccess: event === 'done' }] : [];
  return [{ kind: 'fact', fact }, ...end];
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function readText(body: Buffer): Frame[] {
  return [{ cursor: null, said: [{ kind: 'piece', of: ANSWER, text: decoder.decode(body) }] }];
}

function readScratch(body: Buffer): Frame[] {
  const lines = body.toString('utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const [cursor = '', word = '', ...data] = line.split(' ');
    const json = JSON.parse(data.join(' ')) as { text?: string };
    if (word === 'say') return { cursor, said: [{ kind: 'piece', of: ANSWER, text: json.text ?? '' }] };
    const end: Said[] = word === 'bye' || word === 'fail' ? [{ kind: 'end', isSuccess: word === 'bye' }] : [];
    return { cursor, said: [{ kind: 'fact', fact: `${word} ${JSON.stringify(json)}` }, ...end] };
  });
}

/** As OpenAI's clients: an error ends the answer, and so does `[DONE]`. */
function readChat(body: Buffer): Frame[] {
  const frames: Frame[] = [];
  const parser = createParser({
    onEvent: ({ id, data }) => frames.push({ cursor: id ?? null, said: saidInChunk(data) }),
    maxBufferSize: 4_000_000,
  });
  parser.feed(new TextDecoder().decode(body));
  return frames;
}

function saidInChunk(data: string): Said[] {
  if (data === '[DONE]') return [{ kind: 'fact', fact: data }];
  const { error, choices = [], usage } = JSON.parse(data);
  if (error !== undefined) return [{ kind: 'end', isSuccess: false }];
  const { delta = {}, finish_reason: finish = null } = choices[0] ?? {};
  const { content, reasoning_content: reasoning, tool_calls: calls, role } = delta;
  const said: Said[] = [];
  if (role !== undefined) said.push({ kind: 'fact', fact: role });
  if (content !== undefined) said.push({ kind: 'piece', of: ANSWER, text: content });
  if (reasoning !== undefined) said.push({ kind: 'piece', of: 'reasoning', text: reasoning });
  for (const {
    index,
    id,
    function: { name, arguments: args },
  } of calls ?? []) {
    if (id !== undefined) said.push({ kind: 'fact', fact: `call ${index} ${id} ${name}` });
    said.push({ kind: 'piece', of: `call ${index}`, text: args });
  }
  if (finish !== null) said.push({ kind: 'end', isSuccess: true });
  if (usage) said.push({ kind: 'fact', fact: JSON.stringify(usage) });
  return said;
}

function readProjected(body: Buffer, kind: (typeof projectedFormats)[number][0]): Frame[] {
  const lines = body.toString('utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const [id = '', number = '', word = '', ...data] = line.split(' ');
    const cursor = { none: null, event: id, 'attempt-frame': number, frame: String(Number(number) + 1) }[kind];
    if (word === 'diverged')
      return { cursor: kind === 'event' ? null : cursor, said: [{ kind: 'end', isSuccess: false }] };
    return { cursor, said: word === 'hello' ? [] : saidIn(word, data.join(' ')) };
  });
}

/** Items count when the frame after them says where they end, as in the protocol's own client. */
function readDurable(body: Buffer): Frame[] {
  const frames: Frame[] = [];
  let items: { type: string; data: unknown }[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (event === 'data') {
        items = JSON.parse(data) as typeof items;
        return;
      }
      const said = items.flatMap((item) => saidIn(item.type, JSON.stringify(item.data)));
      frames.push({ cursor: (JSON.parse(data) as { streamNextOffset: string }).streamNextOffset, said });
      items = [];
    },
    maxBufferSize: 4_000_000,
  });
  parser.feed(new TextDecoder().decode(body));
  return frames;
}

function readAgUi(body: Buffer): Frame[] {
  const blocks = body.toString('utf8').split('\n\n').slice(0, -1);
  return blocks.map((block) => {
    const data = block.split('\n').filter((line) => line.startsWith('data: '));
    const { type, delta, messageId, outcome, ...rest } = JSON.parse(data[0]?.slice(6) ?? '') as Record<
      string,
      string
    > & {
      outcome?: { type: string };
    };
    const of = `${type} ${messageId}`;
    if (type === 'TEXT_MESSAGE_CONTENT')
      return { cursor: null, said: [{ kind: 'piece', of: `${ANSWER} ${of}`, text: delta ?? '' }] };
    if (type === 'REASONING_MESSAGE_CONTENT') return { cursor: null, said: [{ kind: 'piece', of, text: delta ?? '' }] };
    if (type === 'RUN_ERROR') return { cursor: null, said: [{ kind: 'end', isSuccess: false }] };
    if (type === 'RUN_FINISHED')
      return { cursor: null, said: [{ kind: 'end', isSuccess: outcome?.type !== 'cancelled' }] };
    return { cursor: null, said: [{ kind: 'fact', fact: `${of} ${JSON.stringify({ delta, ...rest })}` }] };
  });
}

const RESPONSES_PIECES: Readonly<Record<string, string>> = {
  'response.output_text.delta': ANSWER,
  'response.reasoning_text.delta': 'reasoning',
  'response.function_call_arguments.delta': 'arguments',
};

function readResponses(body: Buffer): Frame[] {
  const frames: Frame[] = [];
  const onEvent = ({ data }: EventSourceMessage) => {
    const { sequence_number: number, ...event } = JSON.parse(data) as { sequence_number: number; type: string };
    const said = saidByResponse(event);
    frames.push({ cursor: String(number), said });
  };
  createParser({ onEvent, maxBufferSize: 4_000_000 }).feed(new TextDecoder().decode(body));
  return frames;
}

function saidByResponse(event: {
  type: string;
  item_id?: string;
  delta?: string;
  response?: { status: string };
}): Said[] {
  const { type, item_id: id = '', delta = '', response } = event;
  const of = RESPONSES_PIECES[type];
  if (of !== undefined) return [{ kind: 'piece', of: `${of} ${id}`, text: delta }];
  const fact: Said = { kind: 'fact', fact: JSON.stringify(event) };
  if (!/^response\.(completed|incomplete|failed)$/.test(type)) return [fact];
  return [fact, { kind: 'end', isSuccess: response?.status === 'completed' }];
}

interface MessagesFrame {
  readonly type: string;
  readonly index?: number;
  readonly delta?: {
    readonly text?: string;
    readonly thinking?: string;
    readonly partial_json?: string;
    readonly stop_reason?: string;
  };
}

function readMessages(body: Buffer): Frame[] {
  const frames: Frame[] = [];
  const onEvent = ({ data }: EventSourceMessage) =>
    frames.push({ cursor: null, said: saidByMessage(JSON.parse(data) as MessagesFrame) });
  createParser({ onEvent, maxBufferSize: 4_000_000 }).feed(new TextDecoder().decode(body));
  return frames;
}

function saidByMessage(frame: MessagesFrame): Said[] {
  const { type, index, delta = {} } = frame;
  if (delta.text !== undefined) return [{ kind: 'piece', of: `${ANSWER} ${index}`, text: delta.text }];
  if (delta.thinking !== undefined) return [{ kind: 'piece', of: `thinking ${index}`, text: delta.thinking }];
  if (delta.partial_json !== undefined) return [{ kind: 'piece', of: `input ${index}`, text: delta.partial_json }];
  if (type === 'error') return [{ kind: 'end', isSuccess: false }];
  return type === 'message_stop' ? [{ kind: 'end', isSuccess: true }] : [{ kind: 'fact', fact: JSON.stringify(frame) }];
}

interface ChunkOfRun {
  readonly id: string;
  readonly content: string;
  readonly additional_kwargs: { readonly reasoning_content?: string };
  readonly tool_call_chunks?: readonly { readonly index: number; readonly id?: string; readonly args: string }[];
}

/** What a frame without an id says counts with the next that has one: until then a client comes back before it. */
function readRun(body: Buffer): Frame[] {
  const frames: Frame[] = [];
  let said: Said[] = [];
  const onEvent = ({ id, event = '', data }: EventSourceMessage) => {
    said.push(...saidInRun(event, data));
    if (id === undefined) return;
    frames.push({ cursor: id, said });
    said = [];
  };
  createParser({ onEvent, maxBufferSize: 4_000_000 }).feed(new TextDecoder().decode(body));
  return frames;
}

function saidInRun(event: string, data: string): Said[] {
  const fact: Said = { kind: 'fact', fact: `${event} ${data}` };
  if (event === 'error' || event === 'end') return [fact, { kind: 'end', isSuccess: event === 'end' }];
  if (event !== 'messages') return [fact];
  const [{ id, content, additional_kwargs: more, tool_call_chunks: [call] = [], ...rest }] = JSON.parse(data) as [
    ChunkOfRun & { readonly type: string },
  ];
  if (rest.type !== 'AIMessageChunk') return [fact];
  if (content !== '') return [{ kind: 'piece', of: `${ANSWER} ${id}`, text: content }];
  if (more.reasoning_content !== undefined) {
    return [{ kind: 'piece', of: `reasoning ${id}`, text: more.reasoning_content }];
  }
  return call?.id === undefined && call !== undefined
    ? [{ kind: 'piece', of: `call ${id} ${call.index}`, text: call.args }]
    : [fact];
}
