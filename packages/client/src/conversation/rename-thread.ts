import type { Millrace } from '../millrace.ts';

/** Gives a thread a title. One that was erased is not made again.
 *  @throws NotFound */
export async function renameThread(millrace: Millrace, id: string, title: string): Promise<void> {
  await millrace.threads.resume(id).get();
  await millrace.threads.create({ id, metadata: { title } });
}
