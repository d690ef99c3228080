import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import type { StateMode } from '@millrace/contracts';
import type { Savers } from '@millrace/threads';
import type {
  Pipeline,
  PipelineContext,
  PipelineEvent,
  PipelineInput,
  PipelineResult,
} from '../definition/pipeline.ts';
import { traceCallbacks } from '../models/trace-callbacks.ts';
import { AgentFailed } from './agent-failed.ts';
import { EventQueue } from './events/event-queue.ts';
import { GraphStream, OWN_MODES } from './events/graph-stream.ts';
import { KnownMessages } from './events/known-messages.ts';
import { ModelCalls } from './events/model-calls.ts';
import { plain } from './events/plain.ts';
import { Speech } from './events/speech.ts';
import { ToolCalls } from './events/tool-calls.ts';
import { LenientSerializer } from './lenient-serializer.ts';
import type { Agent } from './project/agent.ts';
import { type CompiledGraph, graphIn, isFunction } from './project/graph.ts';
import { configurableOf } from './run-config.ts';
import { inputOf } from './run-input.ts';
import { structuredOutput } from './structured-output.ts';
import { breakpointsOf, standsAtBreakpoint, type TakenUp, takenUp } from './taken-up.ts';

/** What keeps the state of agents; null: nothing, except graphs that keep their own. */
export type AgentSavers = Pick<Savers, 'forAttempt' | 'storeOf'> | null;

/** An agent as a pipeline.
 *
 *  LangGraph offers a stream of events that looks made for this, `streamEvents` in version 3. It changes what the models inside the
 *  graph return (content in blocks, where a node expects a string), and an unanswered failure of a tool ends the process. So an
 *  agent runs through `stream`, as its author has run it, and LangChain's callbacks tell what its models and tools do. */
export function agentPipeline(agent: Agent, savers: AgentSavers): Pipeline {
  return {
    name: agent.id,
    kind: 'agent',
    info: agent.info,
    run: (input, context) => runAgent({ agent, savers }, input, context),
  };
}

interface Worker {
  readonly agent: Agent;
  readonly savers: AgentSavers;
}

async function* runAgent(
  worker: Worker,
  input: PipelineInput,
  context: PipelineContext,
): AsyncGenerator<PipelineEvent, PipelineResult, void> {
  const queue = new EventQueue();
  const stop = new AbortController();
  const run = new AgentRun({ worker, input, context, queue, stop });
  const result = run.result();
  result.then(
    () => queue.end(),
    (error: unknown) => queue.fail(error),
  );
  try {
    yield* queue.events();
    return await result;
  } finally {
    // nobody reads on: models and tools must not go on either
    stop.abort(context.signal.reason ?? RUN_OVER);
  }
}

/** One for all runs: the trace of a new one would cost more than all else here. */
const RUN_OVER = new DOMException('The run is over.', 'AbortError');

interface RunPorts {
  readonly worker: Worker;
  readonly input: PipelineInput;
  readonly context: PipelineContext;
  readonly queue: EventQueue;
  /** ends the run from within */
  readonly stop: AbortController;
}

interface RunConfig {
  readonly configurable: Readonly<Record<string, unknown>>;
  readonly [option: string]: unknown;
}

/** One run of a graph. */
class AgentRun {
  readonly #ports: RunPorts;
  readonly #calls: ModelCalls;
  readonly #stream: GraphStream;
  /** how many checkpoints are being stored; null: the graph has a checkpointer of its own, or none */
  #storing: number | null = null;
  #isOvertaken = false;
  readonly #signal: AbortSignal;

  constructor(ports: RunPorts) {
    this.#ports = ports;
    const { queue, context, input, stop } = ports;
    const signal = AbortSignal.any([context.signal, stop.signal]);
    this.#signal = signal;
    const emit = (event: PipelineEvent) => queue.push(event);
    const toolCalls = new ToolCalls(emit);
    const speech = new Speech(emit, toolCalls);
    const known = new KnownMessages();
    const modes: ReadonlySet<StateMode> = new Set(input.streamModes);
    const isAnswer = input.resume !== undefined;
    const onStep = () => this.#stepBegins();
    this.#stream = new GraphStream({ emit, speech, toolCalls, known, modes, isAnswer, onStep });
    const custom = (data: unknown, name?: string) => this.#stream.custom(data, name);
    const placeOf = (metadata: Readonly<Record<string, unknown>> | undefined) => this.#stream.placeOfCall(metadata);
    const { observer } = context;
    this.#calls = new ModelCalls({ speech, toolCalls, known, observer, placeOf, custom, signal });
  }

  /** Runs the graph to its end, its next question, or its failure.
   *  @throws AgentFailed, PipelineError, or the reason of a signal */
  async result(): Promise<PipelineResult> {
    const { context, stop, worker } = this.#ports;
    context.observer?.onActivity('idle');
    let keepsOwnState = false;
    let made: unknown;
    try {
      const config = this.#config();
      made = worker.agent.make === null ? null : await worker.agent.make(config);
      const graph = worker.agent.graph ?? (await graphIn(made));
      if (graph === null) throw new TypeError('the function of the agent made no graph');
      keepsOwnState = Boolean(graph.checkpointer);
      const own = await this.#withState(graph);
      return await this.#run(own, config);
    } catch (error) {
      context.signal.throwIfAborted();
      stop.signal.throwIfAborted();
      this.#calls.end();
      throw this.#failure(error, keepsOwnState);
    } finally {
      await dispose(made);
    }
  }

  /** Takes up what an earlier attempt has left.
   *  @returns whether the graph waits at a breakpoint already */
  #standsStill(graph: CompiledGraph, place: TakenUp): boolean {
    const { thread } = this.#ports.input;
    if (thread === undefined) return false;
    this.#calls.goOn(thread.saidAgain);
    this.#stream.goOn(thread.saidAgain, { before: place.before, now: place.head.values });
    if (!standsAtBreakpoint({ ...breakpointsOf(graph), ...this.#ports.input.graphOptions }, place)) return false;
    this.#stream.read([[], 'values', place.head.values]);
    this.#stream.atBreakpoint();
    return true;
  }

  async #run(graph: CompiledGraph, config: RunConfig): Promise<PipelineResult> {
    const { input } = this.#ports;
    const stateNow = () => graph.getState(config);
    const asked = (input.streamModes ?? []).filter((mode) => !(OWN_MODES as readonly string[]).includes(mode));
    const options = {
      ...config,
      ...input.graphOptions,
      streamMode: [...OWN_MODES, ...asked],
      subgraphs: true,
      durability: 'sync',
    };
    const place = input.thread?.goesOn ? await takenUp(graph, config) : null;
    if (isFunction(graph))
      this.#stream.ofFunction(place === null && graph.checkpointer ? (await stateNow()).values : null);
    if (place === null || !this.#standsStill(graph, place)) {
      const chunks = await graph.stream(place === null ? await inputOf(input, stateNow) : null, options);
      for await (const chunk of chunks) this.#stream.read(chunk);
    }
    const isInterrupted = await this.#ask(stateNow);
    // what a job before has left in the state is not this job's
    const output = isFunction(graph)
      ? plain(this.#stream.values ?? undefined)
      : await structuredOutput(this.#stream, place === null && input.resume === undefined ? null : { graph, config });
    const { finishReason, usage } = this.#calls;
    return {
      finishReason: isInterrupted ? 'interrupt' : ENDS_OF_JOBS.has(finishReason) ? finishReason : 'stop',
      usage,
      ...(output === undefined || isInterrupted ? {} : { output }),
    };
  }

  /** Emits what the graph asks.
   *  @returns whether it waits for somebody */
  async #ask(stateNow: () => ReturnType<CompiledGraph['getState']>): Promise<boolean> {
    const { queue } = this.#ports;
    const { questions } = this.#stream;
    if (questions === null) return false;
    for (const question of questions) queue.push({ type: 'interrupt', data: question });
    if (questions.length > 0) return true;
    const { next, config } = await stateNow();
    const [node] = next;
    const checkpoint = config?.configurable?.['checkpoint_id'];
    const data = {
      interruptId: `breakpoint-${checkpoint}`,
      value: { breakpoint: next },
      ...(node === undefined ? {} : { node }),
    };
    queue.push({ type: 'interrupt', data });
    return true;
  }

  #config(): RunConfig {
    const { input, context } = this.#ports;
    const trace = context.observer?.trace;
    return {
      configurable: configurableOf(input),
      ...(input.config === undefined ? {} : { context: input.config }),
      metadata: { request_id: input.jobId, attempt: input.attempt },
      callbacks: [this.#calls.handler, ...(trace === undefined ? [] : [traceCallbacks(trace)])],
      signal: this.#signal,
      // in new versions: what is written comes before what follows it
      writer: (written: unknown) => this.#stream.custom(written),
    };
  }

  /** A copy of the graph that keeps its state in the job's thread. The graph itself is shared by all jobs. */
  async #withState(graph: CompiledGraph): Promise<CompiledGraph> {
    const { worker, input } = this.#ports;
    const { savers, agent } = worker;
    const { thread } = input;
    const own = graph.withConfig({});
    if (savers === null || thread === undefined) return own;
    const { lease } = thread;
    if (own.checkpointer === undefined || own.checkpointer === null) {
      const saver = savers.forAttempt(lease, thread, this.#signal);
      // with the agent's own classes, so that its `instanceof` holds for what was stored
      const serializer = await agent.serializerFor(graph);
      saver.serde = new LenientSerializer(serializer ?? saver.serde);
      own.checkpointer = this.#watched(saver);
    }
    const use = { lease, signal: this.#signal };
    own.store ??= savers.storeOf(lease.ref.slice(0, lease.ref.lastIndexOf('.')), use);
    return own;
  }

  /** Notes which checkpoints of the graph itself are being stored. */
  #watched(saver: BaseCheckpointSaver): BaseCheckpointSaver {
    const put = saver.put.bind(saver);
    this.#storing = 0;
    saver.put = async (config, ...checkpoint) => {
      if (config.configurable?.['checkpoint_ns']) return put(config, ...checkpoint);
      this.#storing = (this.#storing ?? 0) + 1;
      return put(config, ...checkpoint).finally(() => {
        this.#storing = (this.#storing ?? 0) - 1;
      });
    };
    return saver;
  }

  #stepBegins(): void {
    const { input, stop } = this.#ports;
    // a graph with a checkpointer of its own would start over elsewhere
    if (this.#storing === null || input.thread === undefined) return;
    if (this.#storing > 0) {
      this.#isOvertaken = true;
      input.thread.overtaken();
    }
    const { draining } = input.thread;
    // the step before was the last here, unless the other worker would have to start over
    if (draining.aborted && !this.#isOvertaken) stop.abort(draining.reason);
  }

  #failure(error: unknown, keepsOwnState: boolean): unknown {
    const { logger } = this.#ports.context;
    if (error instanceof Error && KEPT.has(error.name)) return error;
    if (isRecursion(error)) return new AgentFailed('recursion', false, error);
    const isModel = this.#calls.failedWith(error);
    if (!isModel) logger.error({ err: error }, 'agent threw');
    return new AgentFailed(isModel ? 'model' : 'graph', isModel && !keepsOwnState, error);
  }
}

/** Of the service itself: the log is closed, or belongs to another attempt. */
const KEPT = new Set(['PipelineError', 'AttemptFenced', 'JobClosed', 'LogLost', 'LogLimitExceeded', 'LogWriteFailed']);

/** What the end of the last message says about the end of the job. */
const ENDS_OF_JOBS = new Set(['stop', 'length', 'content_filter']);

function isRecursion(error: unknown): boolean {
  return error instanceof Object && 'name' in error && error.name === 'GraphRecursionError';
}

/** What a function has made for one job may hold connections. */
async function dispose(made: unknown): Promise<void> {
  if (typeof made !== 'object' || made === null) return;
  const { [Symbol.asyncDispose]: end, [Symbol.dispose]: endAtOnce } = made as Partial<AsyncDisposable & Disposable>;
  await (end ?? endAtOnce)?.call(made);
}
