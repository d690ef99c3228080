import type { Coefficients, ProcessorCosts } from './coefficients.ts';
import type { Demand } from './costs.ts';
import type { Question } from './question.ts';

const GIB = 2 ** 30;
/** Entries after which Redis begins another node of a stream (`stream-node-max-entries`). The last node of each takes 4 KiB from its
 *  beginning, so what counts is full nodes, and that one. */
const EVENTS_PER_NODE = 100;
/** accepted, started, done */
const OTHER_EVENTS = 3;

/** What Redis holds, bytes. */
export interface RedisMemory {
  readonly open: number;
  /** jobs that have ended and are kept, once the service has run for as long as they are kept */
  readonly ended: number;
}

/** Events and jobs as Redis sees them: each event once, whoever reads it. Every token is an event: nothing is merged while no
 *  process is full. */
export function redisDemand({ streams, rate, jobsPerSecond }: Question): Demand {
  return { streams, eventsPerSecond: streams * rate, jobsPerSecond };
}

/** What Redis costs when more than one API process follows each job. */
export function redisCosts({ processor, follower }: Coefficients, { watchers }: Question): ProcessorCosts {
  return { ...processor.redis, following: follower * Math.max(0, watchers - 1) };
}

/** Events of a log that lie in nodes which are full: these take memory of their own.
 *  @param tokenEvents of one answer */
export function eventsInFullNodes(tokenEvents: number): number {
  return EVENTS_PER_NODE * Math.floor((tokenEvents + OTHER_EVENTS) / EVENTS_PER_NODE);
}

/** An open job has said half of its answer, on average. */
export function redisMemory({ kept }: Coefficients, question: Question): RedisMemory {
  const { streams, jobsPerSecond, retention, answerTokens } = question;
  return {
    open: streams * (kept.openJob + eventsInFullNodes(answerTokens / 2) * kept.event),
    ended: jobsPerSecond * retention * (kept.endedJob + eventsInFullNodes(answerTokens) * kept.event),
  };
}

/** How many Redis servers the memory needs. */
export function redisByMemory(coefficients: Coefficients, question: Question): number {
  const { open, ended } = redisMemory(coefficients, question);
  // each holds its own empty service as well
  return Math.max(1, Math.ceil((open + ended) / (question.redisGib * GIB - coefficients.kept.base)));
}
