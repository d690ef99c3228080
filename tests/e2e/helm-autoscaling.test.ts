import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { QUEUE_NAME } from '@millrace/contracts';
import { KeySpace } from '@millrace/stream-log';
import { eventually } from '@millrace/testing';
import { Redis } from 'ioredis';
import { wantedBy } from '../autoscaling/autoscaler.ts';
import { hasPrometheus } from './prometheus.ts';
import { ScaledSystem } from './scaled-system.ts';

const PAGE = fileURLToPath(new URL('../../docs/kubernetes.md', import.meta.url));
const TIMEOUT_MS = 240_000;

(hasPrometheus ? describe : describe.skip)('workers by load (docs/kubernetes.md)', () => {
  const parts = new AsyncDisposableStack();
  let scaled: ScaledSystem;
  let redis: Redis;

  beforeAll(async () => {
    scaled = parts.use(await ScaledSystem.start());
    redis = new Redis(scaled.system.redis.url);
    redis.on('error', () => undefined); // it is stopped at the end
    parts.defer(() => redis.disconnect());
  }, TIMEOUT_MS);
  afterAll(() => parts.disposeAsync(), TIMEOUT_MS);

  it('follow what is queued and what runs, up and down', async () => {
    const rows = (await readFile(PAGE, 'utf8')).matchAll(/^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$/gm);
    const table = [...rows].map((cells) => cells.slice(1).map(Number));
    expect(table.length).toBeGreaterThan(5);
    const queue = `${new KeySpace(scaled.system.env['MILLRACE_KEY_PREFIX'] ?? '').queuePrefix}:${QUEUE_NAME}`;
    for (const row of table) {
      const [queued = 0, active = 0] = row;
      await scaled.reach(queued + active);
      await eventually(
        async () => {
          const now = await scaled.openJobs();
          return now['queued'] === queued && now['active'] === active;
        },
        { timeoutMs: 60_000 },
      );
      const listed = await redis.llen(`${queue}:wait`);
      const wanted = wantedBy((await scaled.asked()) ?? Number.NaN, scaled.scaling);
      expect([queued, active, listed, wanted]).toEqual(row);
      // where they are instead
      expect(await redis.zcard(`${queue}:prioritized`)).toBe(queued);
    }
  }, 300_000);

  it('are asked for by nobody while Redis does not answer', async () => {
    await scaled.system.redis.stop();
    await eventually(async () => (await scaled.asked()) === null, { timeoutMs: 60_000 });
  });
});
