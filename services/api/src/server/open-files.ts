import { readFileSync } from 'node:fs';

/** Open files that no client uses: connections to Redis (a cluster has several), the log, the page's files, and the
 *  connection that is being refused. A node without clients has 22. */
const RESERVED = 64;

/** What macOS gives a process; used where the system does not tell. */
const USUAL_LIMIT = 10_240;

/** How many clients fit below the limit of open files. More would leave no file for a connection to Redis. */
export function defaultMaxConnections(openFiles: number = openFileLimit()): number {
  return Math.max(openFiles - RESERVED, Math.ceil(openFiles / 2));
}

/** The soft limit, which Node raises to the hard one at start. Only Linux has it in a file. */
function openFileLimit(): number {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? USUAL_LIMIT : Number(limit);
  } catch {
    return USUAL_LIMIT; // not Linux
  }
}
