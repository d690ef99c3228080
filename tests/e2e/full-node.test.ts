import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, it } from '@jest/globals';
import { spawnService, startRedis } from '@millrace/testing';

const OPEN_FILES = 200;
const SILENT = 230;
const SECRET = 'the-secret-of-alice';

it('serves others while a client without a key opens more connections than the node may have files', async () => {
  await using redis = await startRedis();
  const env = {
    REDIS_URL: redis.url,
    MILLRACE_AUTH: 'apikey',
    MILLRACE_API_KEYS: `alice:user:${SECRET}`,
    MILLRACE_DRAIN_MS: '0',
    MILLRACE_LINGER_MS: '0',
  };
  await using api = await spawnService('api', env, { openFiles: OPEN_FILES });
  const headers = { 'x-api-key': SECRET, 'content-type': 'application/json' };
  const create = () => fetch(`${api.url}/jobs`, { method: 'POST', headers, body: '{"query":"x"}' });
  const stream = await create();
  const silent: Socket[] = [];
  try {
    for (let count = 0; count < SILENT; count += 1) silent.push(await silentConnection(api.port));
    const statuses = [];
    for (let count = 0; count < 10; count += 1) {
      const answer = await create();
      statuses.push(answer.status);
      await answer.body?.cancel();
    }
    expect(statuses).toEqual(Array.from({ length: 10 }, () => 200));
    expect((await fetch(`${api.url}/readyz`)).status).toBe(200);

    const metrics = await (await fetch(`${api.url}/metrics`)).text();
    expect(metrics).toMatch(/^millrace_connections_dropped_total{.*reason="room".*} \d\d/m);
    expect(metrics).not.toMatch(/^millrace_connections_dropped_total{.*reason="taken"/m);
    // the stream that was open before them is still open
    const reader = stream.body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    await reader?.cancel();
    expect(api.log.filter(({ level }) => level === 'error')).toEqual([]);
  } finally {
    for (const socket of silent) socket.destroy();
  }
});

async function silentConnection(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {
    // a connection closed to make room may be reset
  });
  await once(socket, 'connect');
  return socket;
}
