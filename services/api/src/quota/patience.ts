import { setImmediate } from 'node:timers/promises';

/** Waits for an answer of another process, but not for ever. What had arrived when the time was over still counts: a busy process
 *  runs its timers before it reads its sockets, and would take its own delay for the other's.
 *  @throws TooLate; what `work` throws */
export async function withPatience<T>(work: Promise<T>, ms: number): Promise<T> {
  const { promise: impatient, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    // the first comes after the sockets are read, the second after what the read has set off
    void setImmediate()
      .then(() => setImmediate())
      .then(() => reject(new TooLate()));
  }, ms);
  try {
    return await Promise.race([work, impatient]);
  } finally {
    clearTimeout(timer);
  }
}

export class TooLate extends Error {
  override readonly name = 'TooLate';

  constructor() {
    super('no answer in time');
  }
}
