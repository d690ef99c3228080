import { readFileSync } from 'node:fs';

/** Files that are no client's: connections to Redis (a cluster has several), the log, the page's files, and the connection
 *  that is being refused. A node without clients has 22 open. */
const RESERVED = 64;

/** Where the system does not tell: what macOS gives a process. */
const USUAL_LIMIT = 10_240;

/** How many clients fit below the limit of open files: beyond it, no connection to Redis could be made either. */
export function mostConnections(openFiles: number = openFileLimit()): number {
  return Math.max(openFiles - RESERVED, Math.ceil(openFiles / 2));
}

/** The soft limit, which Node raises to the hard one when it starts. Linux alone has it in a file, and has no "unlimited". */
function openFileLimit(): number {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? USUAL_LIMIT : Number(limit);
  } catch {
    return USUAL_LIMIT; // no Linux
  }
}
