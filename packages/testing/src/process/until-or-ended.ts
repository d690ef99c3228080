import { eventually } from '../latches/eventually.ts';
import type { Child } from './child-process.ts';

/** Waits until a process that was just started is ready.
 *  @param ready whether it is; called repeatedly
 *  @throws Error the process ended first, or time ran out; quotes its last lines */
export async function untilOrEnded(child: Child, ready: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const stop = new AbortController();
  const ended = child.exited.then(({ code, signal }) => {
    throw new Error(`the process ended (${code ?? signal})`);
  });
  try {
    await Promise.race([eventually(ready, { timeoutMs, everyMs: 25, signal: stop.signal }), ended]);
  } catch (error) {
    throw new Error(`not ready: ${String(error)}; its last lines:\n${child.lines.slice(-20).join('\n')}`, {
      cause: error,
    });
  } finally {
    stop.abort();
  }
}
