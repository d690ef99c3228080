import { ArchiveUnavailable, asUnavailable, StoreSilent } from './errors.ts';

/** When a caller should ask again whose archive was too slow, seconds. */
const SLOW_SECONDS = 5;

/** Asks the archive, which has a set time to answer: a store that ignores its signal is not waited for.
 *  @param ms milliseconds
 *  @throws ArchiveUnavailable it did not answer, or threw
 *  @throws ContentUnreadable */
export async function within<T>(ms: number, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new ArchiveUnavailable('the archive did not answer in time', SLOW_SECONDS, new StoreSilent(ms));
    late.reject(error);
    controller.abort(error);
  }, ms);
  try {
    return await Promise.race([ask(controller.signal), late.promise]);
  } catch (error) {
    throw asUnavailable(error);
  } finally {
    clearTimeout(timer);
  }
}
