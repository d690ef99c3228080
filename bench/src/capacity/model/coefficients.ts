/** The parts of a deployment whose costs are modelled. */
export const PARTS = ['worker', 'api', 'redis', 'nginx'] as const;
export type Part = (typeof PARTS)[number];

/** What one process of a part costs: processor time, microseconds. */
export interface ProcessorCosts {
  /** per second, with no job in the service */
  readonly idle: number;
  /** per second and open stream on which nothing is said */
  readonly stream: number;
  /** per job, from its POST to its end, without its tokens */
  readonly job: number;
  /** per event of tokens that comes alone. An event is a token, unless the worker had to merge several. */
  readonly event: number;
  /** how much of it events share that come more often: twice as many a second cost 2^(1 - shared) times as much, from some hundreds on. From 0 to 1. */
  readonly shared: number;
  /** per event, whatever the rate: of what further API processes take that follow the job */
  readonly following: number;
}

/** Memory of one process, bytes. */
interface MemoryCosts {
  /** with few streams, under load */
  readonly base: number;
  /** per open stream */
  readonly stream: number;
}

/** What the capacity model knows. All of it was measured (`bench/results/capacity.json`). */
export interface Coefficients {
  readonly processor: Readonly<Record<Part, ProcessorCosts>>;
  /** Redis, processor time for each further API process that follows a job, per event, microseconds */
  readonly follower: number;
  /** the same in bytes sent */
  readonly followerBytes: number;
  readonly memory: Readonly<Record<'worker' | 'api' | 'nginx', MemoryCosts>>;
  /** bytes in Redis */
  readonly kept: {
    /** an empty service */
    readonly base: number;
    /** an open job that has said nothing, with the node of its log that is not full yet */
    readonly openJob: number;
    /** a job that has ended, likewise */
    readonly endedJob: number;
    /** an event of one token in a node that is full */
    readonly event: number;
  };
  /** bytes on the wire */
  readonly wire: {
    /** clients → Redis: API and worker together */
    readonly toRedis: TrafficCosts;
    /** Redis → clients */
    readonly fromRedis: TrafficCosts;
    /** API → nginx, and nginx → reader; per second and stream it is counted as nothing */
    readonly toReader: TrafficCosts;
  };
  /** connections to Redis of one process */
  readonly redisConnections: Readonly<Record<'worker' | 'api', number>>;
}

/** Bytes. */
export interface TrafficCosts {
  /** per second, with no job in the service */
  readonly idle: number;
  /** per second and open stream */
  readonly stream: number;
  /** per job, without its tokens */
  readonly job: number;
  /** per event of one token */
  readonly event: number;
}
