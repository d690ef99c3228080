import type { Interrupt } from '@millrace/contracts';
import type { KnownCall } from './chunks.ts';

/** A tool call that waits for a person. */
export interface Approval {
  readonly approvalId: string;
  readonly callId: string;
}

/** An answer of the client to an {@link Approval}. */
export interface ApprovalAnswer {
  readonly approvalId: string;
  readonly approved: boolean;
  readonly reason?: string | undefined;
}

/** What LangChain's `humanInTheLoopMiddleware` takes for an answer to one action. */
type Decision = { readonly type: 'approve' } | { readonly type: 'reject'; readonly message?: string };

/** The tool calls that a question asks to approve, one for each action of LangChain's `humanInTheLoopMiddleware`.
 *  @param calls of the answer so far
 *  @returns none if it is another kind of question, or about a call that the client does not have */
export function approvalsOf(
  { interruptId, value }: Pick<Interrupt, 'interruptId' | 'value'>,
  calls: ReadonlyMap<string, KnownCall>,
): Approval[] {
  const actions = actionsIn(value);
  const open = new Map([...calls].filter(([, { isAnswered }]) => !isAnswered));
  const approvals: Approval[] = [];
  for (const [index, { name, args }] of actions.entries()) {
    const input = canonical(args);
    const found = [...open].find(([, call]) => call.name === name && canonical(parsed(call.input)) === input);
    if (found === undefined) return [];
    open.delete(found[0]);
    approvals.push({ approvalId: `${interruptId}#${index}`, callId: found[0] });
  }
  return approvals;
}

/** @returns the answer to each question, by its id; null: an action of one of them has no answer, or the ids are not of
 *           {@link approvalsOf} */
export function resumeOf(answers: readonly ApprovalAnswer[]): Readonly<Record<string, unknown>> | null {
  const byInterrupt = new Map<string, Decision[]>();
  for (const { approvalId, approved, reason } of answers) {
    const border = approvalId.lastIndexOf('#');
    const index = approvalId.slice(border + 1);
    if (border < 1 || !/^(0|[1-9]\d{0,3})$/.test(index)) return null;
    const interruptId = approvalId.slice(0, border);
    const decisions = byInterrupt.get(interruptId) ?? [];
    decisions[Number(index)] = approved
      ? { type: 'approve' }
      : { type: 'reject', ...(reason === undefined ? {} : { message: reason }) };
    byInterrupt.set(interruptId, decisions);
  }
  for (const decisions of byInterrupt.values()) if (decisions.includes(undefined as never)) return null;
  return Object.fromEntries([...byInterrupt].map(([id, decisions]) => [id, { decisions }]));
}

interface Action {
  readonly name: string;
  readonly args: unknown;
}

function actionsIn(value: unknown): readonly Action[] {
  const actions = typeof value === 'object' && value !== null ? Reflect.get(value, 'actionRequests') : undefined;
  return Array.isArray(actions) && actions.every(isAction) ? actions : [];
}

function isAction(value: unknown): value is Action {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'name') === 'string';
}

/** Equal for equal JSON, whatever the order of its keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json;
  }
}
