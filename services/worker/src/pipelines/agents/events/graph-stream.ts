import { randomUUID } from 'node:crypto';
import type { StateMode } from '@millrace/contracts';
import { finishReasonOf } from '../../chat/message-content.ts';
import type { PipelineEvent } from '../../definition/pipeline.ts';
import type { SaidAgain } from '../../definition/said-again.ts';
import { type GraphInterrupt, type GraphState, interruptIdOf } from '../project/graph.ts';
import { type AnyMessage, messagesIn, plainMessagesIn, typeOf } from './any-message.ts';
import type { KnownMessages } from './known-messages.ts';
import { textOf } from './message-text.ts';
import { namesIn, type Place, placeIn, placeOfCall } from './place.ts';
import { plain, plainState } from './plain.ts';
import type { Speech } from './speech.ts';
import type { ToolCalls } from './tool-calls.ts';

interface Ports {
  readonly emit: (event: PipelineEvent) => void;
  readonly speech: Speech;
  readonly toolCalls: ToolCalls;
  readonly known: KnownMessages;
  /** that the request asks for */
  readonly modes: ReadonlySet<StateMode>;
  /** whether the job answers a question */
  readonly isAnswer: boolean;
  /** a step of the agent itself is about to run */
  readonly onStep: () => void;
}

/** What LangGraph streams of a run: where in it, what kind, and what. */
type Chunk = readonly [namespace: readonly string[], mode: string, payload: unknown];
type Fields = Readonly<Record<string, unknown>>;

/** Modes in which every run is streamed. */
export const OWN_MODES = ['values', 'updates', 'custom', 'tasks'] as const;

const INTERRUPT = '__interrupt__';
/** takes the input in; LangGraph stores the input meanwhile */
const START = '__start__';
/** stands in an update beside its node */
const METADATA = '__metadata__';

/** A question, with the node that asks where it is known. */
export interface Question {
  readonly interruptId: string;
  readonly value: unknown;
  readonly node?: string;
}

interface RunningFunction {
  /** null: it has not begun */
  name: string | null;
  /** the messages that it returned in the job before */
  readonly before: readonly AnyMessage[];
}

/** Reads the stream of a graph's state: says the messages that no model has streamed, the results of tools, what nodes and tools
 *  write, and the state where the request asks for it. */
export class GraphStream {
  /** the agent's state by now, and when the run began */
  #values: unknown;
  #firstValues: unknown;
  /** null: not interrupted */
  #interrupts: readonly GraphInterrupt[] | null = null;
  #function: RunningFunction | null = null;
  /** whether tasks of the first step may have run in the job before */
  #mayResume: boolean;
  /** by interrupt, the innermost node that asks */
  readonly #askedBy = new Map<string, { readonly node: string; readonly depth: number }>();
  /** by run, the nodes of its running step and the messages that they returned */
  readonly #returned = new Map<string, { readonly node: string; readonly messages: ReadonlySet<AnyMessage> }[]>();

  constructor(readonly ports: Ports) {
    this.#mayResume = ports.isAnswer;
  }

  get values(): unknown {
    return this.#values;
  }

  get firstValues(): unknown {
    return this.#firstValues;
  }

  /** null: the graph has not asked; empty: it stands at a breakpoint */
  get questions(): readonly Question[] | null {
    return (
      this.#interrupts?.map((interrupt) => {
        const interruptId = interruptIdOf(interrupt);
        const node = this.#askedBy.get(interruptId)?.node;
        return { interruptId, value: plain(interrupt.value) ?? null, ...(node === undefined ? {} : { node }) };
      }) ?? null
    );
  }

  /** An earlier attempt has run a part of the graph, and this one has said again what that said. The state that the graph stands
   *  at is shown as that of any step: it may have messages that were not said, because LangGraph shows it after it is stored.
   *  @param before the state before the last step; null for none
   *  @param now the state that the graph stands at */
  goOn(said: SaidAgain, { before, now }: { readonly before: GraphState | null; readonly now: unknown }): void {
    const { known, toolCalls } = this.ports;
    known.starts('');
    if (this.#function !== null) this.#function.name ??= '';
    const earlier = [...messagesIn(before?.values)];
    for (const message of earlier) known.wasThere(message, '');
    known.goOn(said, earlier);
    toolCalls.openUnanswered(messagesIn(now));
    const ofStep = (before?.next ?? []).map((node) => ({ node, messages: new Set<AnyMessage>() }));
    this.#returned.set('', ofStep);
  }

  /** The graph is a function. Its state is what it has returned, and its tasks return messages too.
   *  @param before what it returned in the job before */
  ofFunction(before: unknown): void {
    this.ports.known.starts('');
    this.#function = { name: null, before: [...messagesIn(before)] };
    for (const message of this.#function.before) this.ports.known.wasThere(message, '');
  }

  /** Where a model was called.
   *  @param metadata of the call, as LangGraph gives it */
  placeOfCall(metadata: Fields | undefined): Place {
    const { namespace, ...place } = placeOfCall(metadata);
    // LangGraph's stream puts the tasks of a function beside it, its metadata puts them inside
    const isTask = namespace?.length === 1 && namespace[0] === this.#function?.name;
    return namespace === undefined || isTask ? place : { ...place, namespace };
  }

  /** The graph waits for somebody who lets it go on. */
  atBreakpoint(): void {
    this.#interrupts ??= [];
  }

  read(chunk: unknown): void {
    const [namespace, mode, payload] = chunk as Chunk;
    if (mode === 'custom') this.custom(payload);
    else if (mode === 'values') this.#state(namespace, payload);
    else if (mode === 'updates') this.#update(namespace, payload);
    else if (mode === 'tasks') this.#task(namespace, payload);
    else this.#show(namespace, mode, payload);
  }

  /** What a node or a tool writes. */
  custom(written: unknown, name?: string): void {
    const data = plain(written) ?? null;
    const named = name ?? (isObject(data) && typeof data['name'] === 'string' ? data['name'] : undefined);
    this.ports.emit({ type: 'custom', data: { ...(named === undefined ? {} : { name: named }), data } });
  }

  #state(namespace: readonly string[], values: unknown): void {
    if (this.#isInterrupt(namespace, values)) return;
    const { known, toolCalls } = this.ports;
    const run = namespace.join('|');
    const ofFunction = namespace.length === 0 ? this.#function : null;
    // a function that goes on shows first what it returned in the job before
    if (namespace.length === 0 && ofFunction?.name !== null) this.#values = values;
    if (ofFunction === null ? known.starts(run) : ofFunction.name === null) {
      for (const message of messagesIn(values)) known.wasThere(message, run);
      if (namespace.length === 0) {
        this.#firstValues = values;
        toolCalls.openUnanswered(messagesIn(values));
      }
    } else {
      if (ofFunction !== null) this.#skipHistory(ofFunction, values);
      this.#sayNew(namespace, run, values);
    }
    this.#show(namespace, 'values', values);
  }

  #sayNew(namespace: readonly string[], run: string, values: unknown): void {
    if (namespace.length === 0) this.#mayResume = false;
    const { known, toolCalls } = this.ports;
    const graph = placeIn([...namespace], undefined);
    for (const message of messagesIn(values)) {
      const type = typeOf(message);
      if (type === 'ai' && known.isNew(message, run, graph)) this.#say(message, this.#placeOf(message, namespace, run));
      else if (type === 'tool' && !known.isOld(message, run)) toolCalls.answer(message);
    }
    known.stepEnds(graph);
    this.#returned.delete(run);
  }

  /** A function may return all messages of its thread, of which only those of models have ids. */
  #skipHistory({ before }: RunningFunction, values: unknown): void {
    const messages = [...messagesIn(values)];
    const isHistory = messages.length > before.length && before.every((message, nth) => isSame(message, messages[nth]));
    if (isHistory) for (const message of messages.slice(0, before.length)) this.ports.known.wasThere(message, '');
  }

  #say(whole: AnyMessage, place: Place): void {
    const message = this.ports.speech.begin(whole.id ?? randomUUID(), place);
    const { response_metadata = {}, additional_kwargs = {} } = whole;
    const reason = finishReasonOf({ response_metadata, additional_kwargs }) ?? 'stop';
    const calls = (whole.tool_calls?.length ?? 0) > 0;
    message.complete(whole, calls && reason === 'stop' ? 'tool_calls' : reason, undefined);
  }

  #placeOf(message: AnyMessage, namespace: readonly string[], run: string): Place {
    const steps = this.#returned.get(run) ?? [];
    const by = steps.find(({ messages }) => messages.has(message)) ?? (steps.length === 1 ? steps[0] : undefined);
    return placeIn(namespace, by?.node);
  }

  #update(namespace: readonly string[], update: unknown): void {
    if (this.#isInterrupt(namespace, update)) return;
    const run = namespace.join('|');
    const { known, toolCalls } = this.ports;
    for (const node of isObject(update) ? nodesIn(update) : []) {
      const messages = new Set(messagesIn((update as Fields)[node]));
      const isTask = this.#function !== null && namespace.length === 0 && node !== this.#function.name;
      if (this.#mayResume && isObject(update) && METADATA in update)
        this.#skipTask((update as Fields)[node], namespace);
      this.#returned.set(run, [...(this.#returned.get(run) ?? []), { node, messages }]);
      for (const message of messages) {
        if (!known.isOld(message, run)) toolCalls.answer(message);
        if (isTask && typeOf(message) === 'ai' && known.isNew(message, run, {})) this.#say(message, { node });
      }
    }
    this.#show(namespace, 'updates', update);
  }

  /** The job before has run this task and said its messages, before it ended with the question of another task. */
  #skipTask(values: unknown, namespace: readonly string[]): void {
    const { known, toolCalls } = this.ports;
    for (const message of [...messagesIn(values), ...plainMessagesIn(values)]) {
      // the state may have a copy of it, with an id of its own
      known.said(message, placeIn(namespace, undefined));
      known.wasThere(message, namespace.join('|'));
      if (message.tool_call_id !== undefined) toolCalls.forget(message);
      else toolCalls.openUnanswered([message]);
    }
  }

  /** @returns whether it says that the graph waits for somebody */
  #isInterrupt(namespace: readonly string[], payload: unknown): boolean {
    if (!isObject(payload) || !(INTERRUPT in payload)) return false;
    const asked = payload[INTERRUPT];
    // a subgraph's is the agent's too
    if (namespace.length === 0 && Array.isArray(asked)) {
      const all = new Map(
        (this.#interrupts ?? [])
          .concat(asked)
          .map((interrupt: GraphInterrupt) => [interruptIdOf(interrupt), interrupt]),
      );
      this.#interrupts = [...all.values()];
    }
    return true;
  }

  #task(namespace: readonly string[], task: unknown): void {
    if (!isObject(task)) return;
    const { name, interrupts } = task;
    if ('result' in task) {
      for (const interrupt of Array.isArray(interrupts) ? (interrupts as GraphInterrupt[]) : []) {
        const id = interruptIdOf(interrupt);
        const depth = namespace.length;
        // a function passes on what its task asks
        if (depth > (this.#askedBy.get(id)?.depth ?? -1)) this.#askedBy.set(id, { node: `${name}`, depth });
      }
    } else if (namespace.length === 0 && name !== START) this.#begins(`${name}`);
    // the text of an error may hold anything
    this.#show(namespace, 'tasks', task['error'] ? { ...task, error: 'The task failed.' } : task, `${name}`);
  }

  #begins(task: string): void {
    // the tasks of a function are no steps: without its end, it starts over
    if (this.#function === null || this.#function.name === null) this.ports.onStep();
    if (this.#function !== null) this.#function.name ??= task;
  }

  #show(namespace: readonly string[], mode: string, payload: unknown, task?: string): void {
    if (!this.ports.modes.has(mode as StateMode)) return;
    const data = plainState(mode === 'checkpoints' ? checkpointOf(payload) : payload);
    if (data === undefined) return;
    const nodes = mode === 'updates' && isObject(payload) ? nodesIn(payload) : [];
    const node = task ?? (nodes.length === 1 ? nodes[0] : undefined);
    const names = namesIn(namespace);
    this.ports.emit({
      type: 'state',
      data: {
        ...{ mode, data },
        ...(node === undefined ? {} : { node }),
        ...(names.length === 0 ? {} : { namespace: names }),
      },
    });
  }
}

function isSame(one: AnyMessage, other: AnyMessage | undefined): boolean {
  return other !== undefined && typeOf(one) === typeOf(other) && textOf(one) === textOf(other);
}

/** The nodes of an update. */
function nodesIn(update: Fields): string[] {
  return Object.keys(update).filter((name) => name !== METADATA);
}

/** A checkpoint without the configuration of the run, which is LangGraph's own. */
function checkpointOf(payload: unknown): unknown {
  if (!isObject(payload)) return payload;
  const { config, parentConfig, values, metadata, next, tasks } = payload;
  const { checkpoint_id: checkpointId, checkpoint_ns: namespace } = configurableIn(config);
  const { checkpoint_id: parentId } = configurableIn(parentConfig);
  const named = Array.isArray(tasks)
    ? tasks.filter(isObject).map(({ id, name, interrupts }) => ({ id, name, interrupts }))
    : [];
  return { checkpointId, parentId: parentId ?? null, namespace, values, metadata, next, tasks: named };
}

function configurableIn(config: unknown): Fields {
  const configurable = isObject(config) ? config['configurable'] : undefined;
  return isObject(configurable) ? configurable : {};
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
