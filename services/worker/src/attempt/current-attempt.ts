import { AsyncLocalStorage } from 'node:async_hooks';
import type { Attempt } from './attempt.ts';

/** The attempt on whose behalf code runs, also in its timers and listeners. Entered once per attempt: it costs nothing per
 *  token. */
export const currentAttempt = new AsyncLocalStorage<Attempt>();
