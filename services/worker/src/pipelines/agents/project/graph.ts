import type { BaseCheckpointSaver, BaseStore } from '@langchain/langgraph-checkpoint';

/** A compiled LangGraph graph, of any copy and version of the package, as far as an attempt needs it. */
export interface CompiledGraph {
  readonly lg_is_pregel: true;
  checkpointer?: BaseCheckpointSaver | boolean | null | undefined;
  store?: BaseStore | null | undefined;
  /** breakpoints: names of nodes, or `*` */
  readonly interruptBefore?: Breakpoints;
  readonly interruptAfter?: Breakpoints;
  /** the channels of its result; one alone: its result is that channel's value */
  readonly outputChannels?: string | readonly string[];
  /** a copy with this configuration merged into the graph's own */
  withConfig(config: object): CompiledGraph;
  stream(input: unknown, options: object): Promise<AsyncIterable<unknown>>;
  getState(config: object): Promise<GraphState>;
}

/** Whether a graph is a function of LangGraph's functional API, `entrypoint()`: it has no state but what it returns. */
export function isFunction(graph: CompiledGraph): boolean {
  return !('builder' in graph) && graph.outputChannels === '__end__';
}

type Breakpoints = '*' | readonly string[] | undefined;

/** The state of a graph's thread. */
export interface GraphState {
  readonly values?: unknown;
  readonly metadata?: { readonly source?: string };
  readonly parentConfig?: { readonly configurable?: Readonly<Record<string, unknown>> };
  /** nodes that run next */
  readonly next: readonly string[];
  readonly config?: { readonly configurable?: Readonly<Record<string, unknown>> };
  readonly tasks?: readonly { readonly name: string; readonly interrupts?: readonly GraphInterrupt[] }[];
}

/** A question of a graph. */
export interface GraphInterrupt {
  readonly id?: string;
  /** its id in versions 0.3 and 0.4 */
  readonly interrupt_id?: string;
  /** the task that asks, where the version has no ids */
  readonly ns?: readonly string[];
  readonly value?: unknown;
}

/** The id of a question, the same whenever the graph shows it. */
export function interruptIdOf({ id, interrupt_id: old, ns = [] }: GraphInterrupt): string {
  return id ?? old ?? ns.join('|');
}

/** Makes a job's graph from the job's configuration. */
export type GraphFactory = (config: object) => unknown;

/** The graph in what a module exports, a promise or not: a compiled graph, one that is yet to be compiled, or the wrapper around
 *  one that `createAgent` returns.
 *  @returns null where it is none of these */
export async function graphIn(exported: unknown): Promise<CompiledGraph | null> {
  const value: unknown = await exported;
  if (isCompiled(value)) return value;
  if (isObject(value) && isCompiled(value['graph'])) return value['graph'];
  if (!isObject(value) || typeof value['compile'] !== 'function') return null;
  const compiled: unknown = await (value as { compile(): unknown }).compile();
  return isCompiled(compiled) ? compiled : null;
}

function isCompiled(value: unknown): value is CompiledGraph {
  return isObject(value) && value['lg_is_pregel'] === true && typeof value['stream'] === 'function';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
