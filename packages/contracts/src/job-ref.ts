/** Names a job in the whole deployment: `<tenant>.<id>`. Ids belong to tenants, so two tenants may hold the same one, and an
 *  id alone names nothing. Redis keys, queue entries and in-process maps use the reference; callers see only the id.
 *  @see PROTOCOL.md §1 */
export type JobRef = `${string}.${string}`;

/** @param tenant whose job it is
 *  @param id its request id, which has no dot */
export function jobRef(tenant: string, id: string): JobRef {
  return `${tenant}.${id}`;
}

/** @returns the id that callers know the job by: it has no dot, so the last one is the border */
export function idOf(ref: JobRef): string {
  return ref.slice(ref.lastIndexOf('.') + 1);
}

/** @returns whose job it is */
export function tenantOf(ref: JobRef): string {
  return ref.slice(0, ref.lastIndexOf('.'));
}
