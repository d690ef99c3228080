import { describe, expect, it } from '@jest/globals';
import { freePort } from '../latches/free-port.ts';
import { Child } from './child-process.ts';
import { SpawnedService } from './spawn-service.ts';

/** A process that behaves like a service: JSON lines, `/readyz`, an end on SIGTERM. */
async function startStandIn(): Promise<SpawnedService> {
  const port = await freePort();
  const script = `
    const say = (entry) => console.log(JSON.stringify({ level: 'info', ...entry }));
    console.log('not JSON');
    require('node:http').createServer((request, response) => {
      response.statusCode = request.url === '/readyz' ? 200 : 404;
      response.end();
    }).listen(${port}, '127.0.0.1', () => say({ msg: 'listening' }));
    process.on('SIGTERM', () => { say({ msg: 'shutting down' }); process.exit(0); });`;
  return new SpawnedService(await Child.start({ command: process.execPath, args: ['-e', script] }), port);
}

describe('SpawnedService', () => {
  it('waits until it is ready, reads its log, and stops it', async () => {
    await using service = await startStandIn();
    await service.untilReady();
    expect((await service.logged(({ msg }) => msg === 'listening')).level).toBe('info');
    expect(await service.stop()).toEqual({ code: 0, signal: null });
    expect(service.log.map(({ msg }) => msg)).toEqual(['listening', 'shutting down']);
  });

  it('pauses it, so that nothing is answered until it is resumed', async () => {
    await using service = await startStandIn();
    await service.untilReady();
    service.pause();
    const answer = fetch(`${service.url}/readyz`);
    const early = await Promise.race([answer.then(() => 'answered'), freePort().then(() => 'silent')]);
    expect(early).toBe('silent');
    service.resume();
    expect((await answer).status).toBe(200);
  });

  it('stops a paused service too', async () => {
    await using service = await startStandIn();
    await service.untilReady();
    service.pause();
    expect((await service.stop()).code).toBe(0);
  });
});
