import type { ThreadQuestions } from '@millrace/threads';
import { pointerOf } from '../../http/field-errors.ts';
import type { FieldError } from '../../http/problem.ts';

/** What is wrong with an answer to a thread's questions: to one it may be anything, to several it names those that it answers. No
 *  error quotes it. @see PROTOCOL.md §2 */
export function faultsOfAnswer(resume: unknown, { interrupts }: ThreadQuestions): FieldError[] {
  if (interrupts.length <= 1) return [];
  const ids = new Set(interrupts.map(({ interruptId }) => interruptId));
  const named = typeof resume === 'object' && resume !== null && !Array.isArray(resume) ? Object.keys(resume) : [];
  if (named.length === 0) {
    const detail = `must be {interruptId: value, …}: the thread waits for ${interrupts.length} answers`;
    return [{ pointer: '/resume', detail }];
  }
  return named
    .filter((id) => !ids.has(id))
    .map((id) => ({ pointer: pointerOf(['resume', id]), detail: 'is not the id of an open question' }));
}

/** What is wrong with the pipeline that is to get an answer. */
export function faultsOfAnswerer(pipeline: string | undefined, { pipeline: asker }: ThreadQuestions): FieldError[] {
  if (pipeline === undefined || asker === null || pipeline === asker) return [];
  return [{ pointer: '/pipeline', detail: `is not the agent that asked: name ${asker}, or leave it out` }];
}
