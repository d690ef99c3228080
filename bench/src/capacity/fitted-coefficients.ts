import { figureOf, type Measured } from '../speed/figures.ts';
import { KEPT } from './cases/kept-jobs.ts';
import { FITTED, FOLLOWED, FOLLOWED_ONCE, JOBS } from './cases/loads.ts';
import { SILENT } from './cases/silent-streams.ts';
import type { Coefficients, Part, ProcessorCosts, TrafficCosts } from './model/coefficients.ts';
import { type Demand, microsPerEvent, sharedOut } from './model/costs.ts';
import { fittedEventCosts, type PartLoads } from './model/fit.ts';
import { leastSquares, straightLine } from './model/least-squares.ts';
import { eventsInFullNodes } from './model/redis-needs.ts';

/** Looks up medians of what Millrace was measured to use. */
export type Reading = (of: string, name: string, size?: string) => number;

/** The one that was measured. */
export const SUBJECT = 'millrace';

/** @returns finds a median by what was measured, the name of the figure, and the size where there are several
 *  @throws RangeError it was not measured */
export function readingOf(measured: readonly Measured[]): Reading {
  return (of, name, size = SUBJECT) => {
    const value = figureOf(measured, of, size, name);
    if (value === undefined) throw new RangeError(`${name} of ${of} (${size}) was not measured`);
    return value;
  };
}

/** The model's coefficients, from what was measured for them.
 *  @throws RangeError something was not measured */
export function coefficientsOf(measured: readonly Measured[]): Coefficients {
  const read = readingOf(measured);
  const perEvent = (of: string, name: string) => read(of, name) / demandOf(read, of).eventsPerSecond;
  const added = (name: string) => Math.max(0, perEvent(FOLLOWED.of, name) - perEvent(FOLLOWED_ONCE.of, name));
  const { openJob, base } = openJobs(read);
  const ended = KEPT_LENGTHS.map((size) => ({
    terms: [1, eventsInFullNodes(keptEvents(read, size) / read('kept', 'jobs', size))],
    value: read('kept', 'dataBytes', size) / read('kept', 'jobs', size),
  }));
  const [endedJob = 0, event = 0] = leastSquares(ended);
  return {
    processor: processorCosts(read),
    follower: added('redisMicros'),
    followerBytes: added('fromRedisBytes'),
    memory: { worker: memoryCosts(read, 'worker'), api: memoryCosts(read, 'api'), nginx: memoryCosts(read, 'nginx') },
    kept: { base, openJob, endedJob, event },
    wire: {
      toRedis: trafficCosts(read, 'toRedisBytes'),
      fromRedis: trafficCosts(read, 'fromRedisBytes'),
      toReader: readerCosts(read),
    },
    redisConnections: {
      worker: read('silent', 'workerConnections', String(SILENT.few)),
      api: read('silent', 'apiConnections', String(SILENT.few)),
    },
  };
}

const KEPT_LENGTHS = [KEPT.short, KEPT.long].map(({ tokens }) => String(tokens));
const SILENT_SIZES = [SILENT.few, SILENT.many].map(String);

/** What was asked of the service in a load that was measured. */
export function demandOf(read: Reading, of: string): Demand {
  const jobsPerSecond = read(of, 'jobsPerSecond');
  const eventsPerSecond = read(of, 'entriesPerSecond') - otherEntriesPerJob(read) * jobsPerSecond;
  return { streams: read(of, 'streams'), eventsPerSecond, jobsPerSecond };
}

/** Entries of streams for each job beside its tokens: its other events, and what BullMQ tells. Known from answers of one token,
 *  which is one event. */
function otherEntriesPerJob(read: Reading): number {
  return read(JOBS.of, 'entriesPerSecond') / read(JOBS.of, 'jobsPerSecond') - 1;
}

/** Events of the tokens of answers that were kept, all of them together.
 *  @param size tokens of an answer */
export function keptEvents(read: Reading, size: string): number {
  return read('kept', 'entries', size) - otherEntriesPerJob(read) * read('kept', 'jobs', size);
}

/** How many processes of a part shared a load. */
export function processesOf(read: Reading, part: Part, of: string): number {
  return part === 'nginx' ? read(of, 'nginxProcesses') : 1;
}

/** Of one process each: what several used is shared out evenly. */
function processorCosts(read: Reading): Record<Part, ProcessorCosts> {
  const costsOf = (part: Part): ProcessorCosts => {
    const loads = partLoads(read, part);
    const { known } = loads;
    const costs = { ...known, ...fittedEventCosts(loads), following: 0 };
    const processes = processesOf(read, part, JOBS.of);
    const ofEvents = (rate: number) => rate * microsPerEvent(costs, rate / processes);
    const all = { idle: known.idle * processes, stream: known.stream };
    return { ...costs, job: perJob(read, `${part}Micros`, all, ofEvents) };
  };
  return { worker: costsOf('worker'), api: costsOf('api'), redis: costsOf('redis'), nginx: costsOf('nginx') };
}

function partLoads(read: Reading, part: Part): PartLoads {
  const name = `${part}Micros`;
  const { idle, stream } = silentLine(read, name);
  const loads = FITTED.map(({ of }) => {
    const processes = processesOf(read, part, of);
    return { ...sharedOut(demandOf(read, of), processes), micros: read(of, name) / processes };
  });
  return { known: { idle: idle / processesOf(read, part, JOBS.of), stream }, loads };
}

function trafficCosts(read: Reading, name: string): TrafficCosts {
  const known = silentLine(read, name);
  const observations = FITTED.map(({ of }) => ({
    terms: [demandOf(read, of).eventsPerSecond],
    value: read(of, name) - known.idle - known.stream * read(of, 'streams'),
  }));
  const [event = 0] = leastSquares(observations);
  return { ...known, event, job: perJob(read, name, known, (rate) => rate * event) };
}

/** What is left of the load of tiny answers without idling, streams and tokens, per job. */
function perJob(
  read: Reading,
  name: string,
  { idle, stream }: { readonly idle: number; readonly stream: number },
  ofEvents: (eventsPerSecond: number) => number,
): number {
  const { streams, eventsPerSecond, jobsPerSecond } = demandOf(read, JOBS.of);
  const rest = read(JOBS.of, name) - idle - stream * streams - ofEvents(eventsPerSecond);
  return Math.max(0, rest / jobsPerSecond);
}

/** What a process uses per second without a job, and more for each silent stream. */
function silentLine(read: Reading, name: string): { readonly idle: number; readonly stream: number } {
  const points = [SILENT.none, SILENT.few, SILENT.many].map((streams) => ({
    x: streams,
    y: read('silent', name, String(streams)),
  }));
  const { slope, atZero } = straightLine(points);
  return { idle: Math.max(0, atZero), stream: Math.max(0, slope) };
}

/** How a figure of silent streams grows from the few to the many: until there are a few, a process grows by what it compiles. */
export function silentGrowth(read: Reading, name: string): ReturnType<typeof straightLine> {
  return straightLine(SILENT_SIZES.map((size) => ({ x: Number(size), y: read('silent', name, size) })));
}

/** The base is that of the load that leaves the largest, garbage that was not collected yet included. */
function memoryCosts(read: Reading, part: Exclude<Part, 'redis'>) {
  const name = `${part}Bytes`;
  const stream = Math.max(0, silentGrowth(read, name).slope);
  const bases = FITTED.map(({ of }) => (read(of, name) - stream * read(of, 'streams')) / processesOf(read, part, of));
  return { base: Math.max(...bases), stream };
}

function openJobs(read: Reading) {
  return {
    openJob: Math.max(0, silentGrowth(read, 'dataBytes').slope),
    base: read('silent', 'dataBytes', String(SILENT.none)),
  };
}

function readerCosts(read: Reading): TrafficCosts {
  const observations = KEPT_LENGTHS.map((size) => ({
    terms: [read('kept', 'jobs', size), keptEvents(read, size)],
    value: read('kept', 'wireBytes', size),
  }));
  const [job = 0, event = 0] = leastSquares(observations);
  return { idle: 0, stream: 0, job, event };
}
