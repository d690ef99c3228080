import { randomBytes } from 'node:crypto';
import { it } from '@jest/globals';
import { eventually, startFaultProxy, startRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { ApiHarness } from '../testing/api-harness.ts';

it('a node that started without Redis is unready until its master keys are those of what Redis holds', async () => {
  await using redis = await startRedis();
  await using proxy = await startFaultProxy({ target: redis.port });
  const direct = new Redis(redis.url);
  try {
    const key = randomBytes(32).toString('base64');
    await using harness = new ApiHarness(`redis://127.0.0.1:${proxy.port}`, { MILLRACE_ENCRYPTION_KEYS: `new:${key}` });
    const { dataKeys } = harness.keys;
    await direct.hset(dataKeys, 'acme', `abcdefgh old ${randomBytes(60).toString('base64')}`);
    proxy.refuse(true);
    const node = await harness.node();
    const readyz = async () => {
      const answer = await fetch(`${node.url}/readyz`);
      const { obstacles = [] } = (await answer.json()) as { obstacles?: string[] };
      return [answer.status, ...obstacles].join(' ');
    };
    proxy.heal();
    await eventually(() => node.log.some(({ msg }) => msg === 'the master keys are not those of what Redis holds'));
    await eventually(async () => (await readyz()) === '503 master-keys');
    await direct.del(dataKeys);
    await eventually(async () => (await readyz()) === '200');
  } finally {
    direct.disconnect();
  }
}, 60_000);
