import { NotFound } from '../errors.ts';
import type { Millrace } from '../millrace.ts';

/** Gives a thread a title, and makes it if it is new.
 *  @returns the title that it has then */
export async function nameThread(millrace: Millrace, id: string, title: string): Promise<string> {
  await millrace.threads.create({ id, metadata: { title } });
  return title;
}

/** Gives a thread a title. One that was erased is not made again.
 *  @returns the title that it has then
 *  @throws NotFound */
export async function renameThread(millrace: Millrace, id: string, title: string): Promise<string> {
  await millrace.threads.resume(id).get();
  return nameThread(millrace, id, title);
}

/** Gives a thread its first title. One that was erased is not made again, and one that has a title by now keeps it.
 *  @returns the title that it has then
 *  @throws NotFound */
export async function nameUntitled(millrace: Millrace, id: string, title: string): Promise<string> {
  const { metadata } = await millrace.threads.resume(id).get();
  return metadata['title'] ?? nameThread(millrace, id, title);
}

/** Erases a thread, unless there is none. */
export async function eraseThread(millrace: Millrace, id: string): Promise<void> {
  try {
    await millrace.threads.resume(id).erase();
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
}
