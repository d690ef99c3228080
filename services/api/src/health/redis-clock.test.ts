import { expect, it } from '@jest/globals';
import { RedisClock } from './redis-clock.ts';

/** A Redis whose clock is ahead, and which answers later than it looks at it. */
class OtherRedis {
  aheadMs = 0;
  lateMs = 0;
  isAway = false;

  time = async (): Promise<number[]> => {
    if (this.isAway) throw new Error('away');
    const micros = Math.round((performance.timeOrigin + performance.now() + this.aheadMs) * 1_000);
    if (this.lateMs > 0) await new Promise((resolve) => setTimeout(resolve, this.lateMs));
    return [Math.floor(micros / 1e6), micros % 1e6];
  };
}

const aheadMs = (clock: RedisClock) => (clock.now() ?? Number.NaN) - performance.timeOrigin - performance.now();

it('the clock of Redis is known by its quickest answer, and unknown while there is none', async () => {
  const redis = new OtherRedis();
  const clock = new RedisClock(redis);
  expect(clock.now()).toBeNull();

  redis.aheadMs = 60_000;
  redis.lateMs = 400;
  await clock.ask();
  // half of the round trip is on the way to Redis, as far as anybody can tell
  expect(aheadMs(clock)).toBeLessThan(60_000 - 150);
  redis.lateMs = 0;
  await clock.ask();
  expect(Math.abs(aheadMs(clock) - 60_000)).toBeLessThan(100);
  redis.lateMs = 400;
  await clock.ask();
  expect(Math.abs(aheadMs(clock) - 60_000)).toBeLessThan(100);

  redis.isAway = true;
  await expect(clock.ask()).rejects.toThrow('away');
  expect(clock.now()).toBeNull();
});

it('the clock of Redis is followed when it is set', async () => {
  const redis = new OtherRedis();
  const clock = new RedisClock(redis);
  await clock.ask();
  redis.aheadMs = -5_000;
  for (let answers = 0; answers < 6; answers++) await clock.ask();
  expect(Math.abs(aheadMs(clock) + 5_000)).toBeLessThan(100);
});
