import { NotFound } from '../errors.ts';
import type { Millrace } from '../millrace.ts';

/** Gives a thread a title, and makes it if it is new. */
export async function nameThread(millrace: Millrace, id: string, title: string): Promise<void> {
  await millrace.threads.create({ id, metadata: { title } });
}

/** Gives a thread a title. One that was erased is not made again.
 *  @throws NotFound */
export async function renameThread(millrace: Millrace, id: string, title: string): Promise<void> {
  await millrace.threads.resume(id).get();
  await nameThread(millrace, id, title);
}

/** Erases a thread, unless there is none. */
export async function eraseThread(millrace: Millrace, id: string): Promise<void> {
  try {
    await millrace.threads.resume(id).erase();
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
}
