import type { CreateJobBody } from '@millrace/contracts';

/** @param question all that a request of the scratch protocol says */
export function requestOf(question: string): CreateJobBody {
  const messages = [{ role: 'user' as const, content: question }];
  return { messages, pipeline: 'chat', onDisconnect: 'continue', onCrash: 'restart' };
}
