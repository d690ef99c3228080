import type { ConversationProblem } from '@millrace/client/conversation';
import type { ReactNode } from 'react';
import { failureSentence, remedySentence } from './wording.ts';

interface FailureProps {
  readonly problem: ConversationProblem;
  /** buttons that help */
  readonly children?: ReactNode;
}

/** What went wrong, what to do about it, and the id that an operator asks for. */
export function Failure({ problem, children }: FailureProps) {
  const { code, message, requestId, fields } = problem;
  return (
    <div className="notice failure" data-kind="danger" role="alert">
      <p>
        {failureSentence(code, message)} {remedySentence(problem)}
      </p>
      {fields.length > 0 && (
        <ul>
          {fields.map(({ pointer, detail }) => (
            <li key={pointer}>
              <code>{pointer}</code> {detail}
            </li>
          ))}
        </ul>
      )}
      {requestId !== null && (
        <p className="request-id">
          Request <code>{requestId}</code>
        </p>
      )}
      {children !== undefined && <div className="failure-actions">{children}</div>}
    </div>
  );
}
