import type { PipelineInput } from '../definition/pipeline.ts';

/** What a graph and its tools find in `config.configurable`: the request's values, then the service's own. What is not known is
 *  left out: a key without a value would replace a default of the graph's. */
export function configurableOf({ config, thread, caller, jobId, attempt }: PipelineInput): Record<string, unknown> {
  return {
    ...config,
    ...(thread === undefined ? {} : { thread_id: thread.lease.ref }),
    ...(caller === undefined ? {} : userOf(caller)),
    request_id: jobId,
    attempt,
  };
}

/** In the form of LangGraph's server. */
function userOf({ tenant, role, subject }: NonNullable<PipelineInput['caller']>): Record<string, unknown> {
  const identity = subject ?? tenant;
  const user = { identity, tenant, role, permissions: [role], is_authenticated: true };
  return {
    langgraph_auth_user: { ...user, ...(subject === null ? {} : { subject }) },
    langgraph_auth_user_id: identity,
    langgraph_auth_permissions: [role],
  };
}
