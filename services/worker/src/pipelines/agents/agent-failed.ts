/** Why an agent failed, for the code of the error event.
 *  - `graph`: a node, a tool or the graph itself threw
 *  - `model`: a model call did
 *  - `recursion`: it took more steps than its limit allows */
export type AgentFailure = 'graph' | 'model' | 'recursion';

/** A graph has thrown. What it threw is the cause: its text may hold a secret. */
export class AgentFailed extends Error {
  override readonly name = 'AgentFailed';

  /** @param mayRunAgain whether a further run goes on where this one stopped */
  constructor(
    readonly failure: AgentFailure,
    readonly mayRunAgain: boolean,
    cause: unknown,
  ) {
    super('the agent failed', { cause });
  }
}
