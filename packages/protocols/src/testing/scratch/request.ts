import type { CreateJobBody } from '@millrace/contracts';
import { pointerTo, RequestFault } from '../../foreign/request-fault.ts';

/** A request of the scratch protocol: `{question, whole?, lasting?}`. */
export interface ScratchRequest {
  readonly job: CreateJobBody;
  /** whether the answer is sent whole */
  readonly whole: boolean;
}

/** @throws RequestFault */
export function requestOf(body: unknown): ScratchRequest {
  const { question, whole = false, lasting = true } = body as Record<string, unknown>;
  if (typeof question !== 'string') {
    throw new RequestFault([{ pointer: pointerTo(['question']), detail: 'must be a question' }]);
  }
  const messages = [{ role: 'user' as const, content: question }];
  const onDisconnect = lasting ? 'continue' : 'cancel';
  return { job: { messages, pipeline: 'chat', onDisconnect, onCrash: 'restart' }, whole: whole === true };
}
