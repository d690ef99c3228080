import type { Coefficients } from './coefficients.ts';

/** Round figures for tests, of the size of real ones. */
export const SAMPLE: Coefficients = {
  processor: {
    worker: { idle: 2_000, stream: 30, job: 600, event: 400, shared: 0.4, following: 0 },
    api: { idle: 3_000, stream: 10, job: 500, event: 200, shared: 0.5, following: 0 },
    redis: { idle: 2_000, stream: 20, job: 400, event: 250, shared: 0.45, following: 0 },
    nginx: { idle: 0, stream: 1, job: 150, event: 80, shared: 0.3, following: 0 },
  },
  follower: 5,
  followerBytes: 130,
  memory: {
    worker: { base: 150e6, stream: 40_000 },
    api: { base: 120e6, stream: 20_000 },
    nginx: { base: 5e6, stream: 16_000 },
  },
  kept: { base: 2e6, openJob: 4_000, endedJob: 2_500, event: 40 },
  wire: {
    toRedis: { idle: 400, stream: 300, job: 8_000, event: 400 },
    fromRedis: { idle: 300, stream: 100, job: 4_000, event: 150 },
    toReader: { idle: 0, stream: 0, job: 900, event: 45 },
  },
  redisConnections: { worker: 6, api: 4 },
};
