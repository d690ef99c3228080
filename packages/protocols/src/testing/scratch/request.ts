import type { CreateJobBody } from '@millrace/contracts';

/** @param question the whole content of a request of the scratch protocol */
export function requestOf(question: string): CreateJobBody {
  const messages = [{ role: 'user' as const, content: question }];
  return { messages, pipeline: 'chat', onDisconnect: 'continue', onCrash: 'restart' };
}
