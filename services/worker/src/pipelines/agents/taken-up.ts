import type { CompiledGraph, GraphState } from './project/graph.ts';

/** Where an agent goes on that an earlier attempt has run. */
export interface TakenUp {
  /** the state that it stands at */
  readonly head: GraphState;
  /** the state before the step that led there; null if no step did */
  readonly before: GraphState | null;
}

/** Reads where a graph goes on.
 *  @param config of the job
 *  @returns null: it has its input and made no step, so that it starts again; the input is replaced by itself */
export async function takenUp(graph: CompiledGraph, config: RunConfig): Promise<TakenUp | null> {
  const head = await graph.getState(config);
  const parent = head.parentConfig?.configurable;
  if (head.metadata?.source !== 'loop') return null;
  if (parent === undefined) return { head, before: null };
  const configurable = { ...config.configurable, ...parent };
  return { head, before: await graph.getState({ ...config, configurable }) };
}

interface RunConfig {
  readonly configurable: Readonly<Record<string, unknown>>;
  readonly [option: string]: unknown;
}

/** Whether a graph stands at a breakpoint that nobody has answered: the attempt before has died between its last step and the end
 *  of its job. Without input, LangGraph would go on as if somebody had approved. */
export function standsAtBreakpoint(breakpoints: Breakpoints, { head, before }: TakenUp): boolean {
  if (head.next.length === 0) return false;
  return matches(breakpoints.interruptBefore, head.next) || matches(breakpoints.interruptAfter, before?.next ?? []);
}

type Breakpoints = Pick<CompiledGraph, 'interruptBefore' | 'interruptAfter'>;

/** The breakpoints that a graph was compiled with. */
export function breakpointsOf({ interruptBefore, interruptAfter }: CompiledGraph): Breakpoints {
  return { interruptBefore, interruptAfter };
}

function matches(breakpoints: CompiledGraph['interruptBefore'], nodes: readonly string[]): boolean {
  if (breakpoints === undefined || nodes.length === 0) return false;
  return breakpoints === '*' || nodes.some((node) => breakpoints.includes(node));
}
