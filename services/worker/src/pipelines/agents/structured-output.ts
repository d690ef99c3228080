import type { CheckpointTuple } from '@langchain/langgraph-checkpoint';
import { plain } from './events/plain.ts';
import type { CompiledGraph } from './project/graph.ts';

const CHANNEL = 'structuredResponse';

/** A run that goes on where another has stopped: at a question, or with its worker. */
export interface ContinuedRun {
  readonly graph: CompiledGraph;
  readonly config: { readonly configurable: Readonly<Record<string, unknown>> };
}

/** The structured output of `createAgent`, without what the state has from earlier runs.
 *  @param state at the end of the run, and at its beginning
 *  @param continued null: the run has begun with an input of its own
 *  @returns undefined: there is none */
export async function structuredOutput(
  state: { readonly values: unknown; readonly firstValues: unknown },
  continued: ContinuedRun | null,
): Promise<unknown> {
  const answer = answerIn(state.values);
  if (answer === undefined || answer === null) return undefined;
  const isOld = continued === null ? answer === answerIn(state.firstValues) : await isOlderThanInput(continued);
  return isOld ? undefined : plain(answer);
}

function answerIn(state: unknown): unknown {
  return typeof state === 'object' && state !== null ? Reflect.get(state, CHANNEL) : undefined;
}

/** Whether the state had it already when the thread got its last input. */
async function isOlderThanInput({ graph: { checkpointer }, config }: ContinuedRun): Promise<boolean> {
  if (typeof checkpointer !== 'object' || checkpointer === null) return false;
  const ofGraph = { ...config, configurable: { ...config.configurable, checkpoint_ns: '' } };
  const now = versionIn(await checkpointer.getTuple(ofGraph));
  for await (const input of checkpointer.list(ofGraph, { filter: { source: 'input' }, limit: 1 })) {
    return now !== undefined && now === versionIn(input);
  }
  return false;
}

function versionIn(tuple: CheckpointTuple | undefined): unknown {
  return tuple?.checkpoint.channel_versions[CHANNEL];
}
