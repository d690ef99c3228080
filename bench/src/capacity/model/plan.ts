import { type Coefficients, PARTS, type Part } from './coefficients.ts';
import { type Demand, processesFor, processorMicros, sharedOut, trafficBytes } from './costs.ts';
import type { Question } from './question.ts';
import { redisByMemory, redisCosts, redisDemand, redisMemory } from './redis-needs.ts';

/** As `worker_connections` in infra/nginx/nginx.conf allows: a stream holds two connections. */
const STREAMS_PER_NGINX_PROCESS = 16_384;

/** What all processes of one part need together. */
export interface PartPlan {
  /** of nginx: worker processes */
  readonly processes: number;
  /** processor time that they take, cores */
  readonly busyCores: number;
  /** cores to provide: one for each process */
  readonly cores: number;
  readonly memoryBytes: number;
  /** without what the worker reads from the model, and without requests of clients */
  readonly inBytesPerSecond: number;
  readonly outBytesPerSecond: number;
  /** of one process, evenly shared out */
  readonly each: Demand & { readonly utilisation: number; readonly memoryBytes: number };
}

/** What carries what was asked. */
export interface Plan {
  readonly question: Question;
  readonly tokensPerSecond: number;
  /** independent Redis, each a URL of `REDIS_URLS`; 1: `REDIS_URL` */
  readonly shards: { readonly needed: number; readonly byProcessor: number; readonly byMemory: number };
  readonly parts: Readonly<Record<Part, PartPlan>>;
  readonly redisMemory: { readonly openBytes: number; readonly endedBytes: number };
  readonly sockets: {
    readonly clientsToNginx: number;
    readonly nginxToApi: number;
    readonly workersToModel: number;
    /** of all processes, to each Redis: every process serves all shards */
    readonly toEachRedis: number;
  };
  readonly cores: number;
  readonly machines: number;
  readonly memoryBytes: number;
  /** of cores that are provided */
  readonly coreHoursPerMillionTokens: number;
}

/** The smallest deployment that carries what is asked. What a process does for each further shard while nothing happens is not
 *  counted: docs/scale.md says how much that is. */
export function planFor(coefficients: Coefficients, question: Question): Plan {
  const { processor, memory, kept, wire, followerBytes, redisConnections } = coefficients;
  const { utilisation, watchers } = question;
  const once = redisDemand(question);
  const read = readersDemand(question);
  const costsOfRedis = redisCosts(coefficients, question);
  const byProcessor = processesFor(costsOfRedis, once, utilisation);
  const byMemory = redisByMemory(coefficients, question);
  const needed = Math.max(byProcessor, byMemory);
  const { open, ended } = redisMemory(coefficients, question);

  const workers = processesFor(processor.worker, once, utilisation);
  const nodes = processesFor(processor.api, read, utilisation);
  const byConnections = Math.ceil(read.streams / STREAMS_PER_NGINX_PROCESS);
  const proxies = Math.max(processesFor(processor.nginx, read, utilisation), byConnections);

  const toRedis = trafficBytes({ ...wire.toRedis, idle: wire.toRedis.idle * needed }, once);
  const fromRedis =
    trafficBytes({ ...wire.fromRedis, idle: wire.fromRedis.idle * needed }, once) +
    followerBytes * Math.max(0, watchers - 1) * once.eventsPerSecond;
  const toReaders = trafficBytes(wire.toReader, read);
  const part = (
    costs: Coefficients['processor'][Part],
    processes: number,
    {
      demand,
      memoryBytes,
      bytes: [inBytes, outBytes],
    }: { demand: Demand; memoryBytes: number; bytes: [number, number] },
  ): PartPlan => {
    const each = sharedOut(demand, processes);
    const busy = processorMicros(costs, each) / 1e6;
    return {
      processes,
      busyCores: busy * processes,
      cores: processes,
      memoryBytes,
      inBytesPerSecond: inBytes,
      outBytesPerSecond: outBytes,
      each: { ...each, utilisation: busy, memoryBytes: memoryBytes / processes },
    };
  };
  const parts = {
    worker: part(processor.worker, workers, {
      demand: once,
      memoryBytes: memory.worker.base * workers + memory.worker.stream * once.streams,
      bytes: [0, toRedis],
    }),
    api: part(processor.api, nodes, {
      demand: read,
      memoryBytes: memory.api.base * nodes + memory.api.stream * read.streams,
      bytes: [fromRedis, toReaders],
    }),
    redis: part(costsOfRedis, needed, {
      demand: once,
      memoryBytes: kept.base * needed + open + ended,
      bytes: [toRedis, fromRedis],
    }),
    nginx: part(processor.nginx, proxies, {
      demand: read,
      memoryBytes: memory.nginx.base * proxies + memory.nginx.stream * read.streams,
      bytes: [toReaders, toReaders],
    }),
  };
  const sum = (of: (plan: PartPlan) => number) => PARTS.reduce((total, name) => total + of(parts[name]), 0);
  const cores = sum((each) => each.cores);
  return {
    question,
    tokensPerSecond: once.eventsPerSecond,
    shards: { needed, byProcessor, byMemory },
    parts,
    redisMemory: { openBytes: open, endedBytes: ended },
    sockets: {
      clientsToNginx: read.streams,
      nginxToApi: read.streams,
      workersToModel: once.streams,
      toEachRedis: redisConnections.worker * workers + redisConnections.api * nodes,
    },
    cores,
    machines: Math.ceil(cores / question.nodeCores),
    memoryBytes: sum((each) => each.memoryBytes),
    coreHoursPerMillionTokens: cores / 3_600 / (once.eventsPerSecond / 1e6),
  };
}

/** What API and nginx see: each token as often as it is read. */
export function readersDemand({ streams, rate, jobsPerSecond, watchers }: Question): Demand {
  return { streams: streams * watchers, eventsPerSecond: streams * rate * watchers, jobsPerSecond };
}
