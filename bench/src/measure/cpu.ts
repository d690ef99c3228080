import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** The kernel counts processor time in these, whatever its own tick (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100;

/** Processor time that processes have used so far, user and system together, microseconds.
 *  @throws Error the machine has no /proc, or a process has ended */
export function cpuMicros(pids: Iterable<number>): number {
  let ticks = 0;
  for (const pid of pids) ticks += ticksIn(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return (ticks * 1e6) / TICKS_PER_SECOND;
}

/** Of {@link cpuMicros}, what the first thread of a process has used. In a Node process that is the thread of JavaScript; the others
 *  compile and collect garbage.
 *  @throws Error as {@link cpuMicros} */
export function firstThreadMicros(pid: number): number {
  return (ticksIn(readFileSync(`/proc/${pid}/task/${pid}/stat`, 'utf8')) * 1e6) / TICKS_PER_SECOND;
}

/** As {@link cpuMicros}, but without the coarseness of ticks, for what uses little: what the scheduler has counted of each
 *  thread. Where it does not tell, ticks.
 *  @throws Error as {@link cpuMicros} */
export function exactCpuMicros(pids: Iterable<number>): number {
  let micros = 0;
  for (const pid of pids) {
    micros += existsSync(`/proc/${pid}/schedstat`) ? scheduledNanos(pid) / 1e3 : cpuMicros([pid]);
  }
  return micros;
}

/** @see https://docs.kernel.org/scheduler/sched-stats.html */
function scheduledNanos(pid: number): number {
  let nanos = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // the thread has ended meanwhile
    }
  }
  return nanos;
}

/** utime and stime of a line of /proc/<pid>/stat. @see proc(5) */
export function ticksIn(stat: string): number {
  const fields = fieldsOf(stat);
  return Number(fields[11]) + Number(fields[12]);
}

/** The fields behind the second: the name there may hold blanks and brackets. */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Memory of processes that is theirs alone, bytes: what two share is counted by neither.
 *  @throws Error as {@link cpuMicros} */
export function privateBytes(pids: Iterable<number>): number {
  let kibibytes = 0;
  for (const pid of pids) kibibytes += privateKibibytesIn(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return kibibytes * 1024;
}

/** The private pages of a /proc/<pid>/smaps_rollup, KiB. */
export function privateKibibytesIn(rollup: string): number {
  const lines = rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm);
  return [...lines].reduce((sum, [, kibibytes]) => sum + Number(kibibytes), 0);
}

/** A process and all that it started, directly or not. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

function parentOf(pid: number): number | null {
  try {
    return Number(fieldsOf(readFileSync(`/proc/${pid}/stat`, 'utf8'))[1]);
  } catch {
    return null; // it has ended meanwhile
  }
}
