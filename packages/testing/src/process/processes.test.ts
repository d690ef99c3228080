import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { rawRequest } from '../http/raw-request.ts';
import { eventually } from '../latches/eventually.ts';
import { Child } from './child-process.ts';

const node = (script: string) => ({ command: process.execPath, args: ['-e', script] });

describe('Child', () => {
  it('waits for a line, and ends on SIGTERM', async () => {
    await using child = await Child.start(node(`console.log('up'); setInterval(() => {}, 1000)`));
    expect(await child.line((line) => line === 'up')).toBe('up');
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('says what a process wrote that ended too early', async () => {
    await using child = await Child.start(node(`console.error('no such thing'); process.exit(3)`));
    await expect(child.line((line) => line === 'up')).rejects.toThrow('no such thing');
    expect(await child.exited).toEqual({ code: 3, signal: null });
  });

  it('rejects when there is no such command', async () => {
    await expect(Child.start({ command: 'no-such-command', args: [] })).rejects.toThrow('ENOENT');
  });

  it('is gone when the process that started it is killed', async () => {
    const source = new URL('./child-process.ts', import.meta.url).href;
    const script = `const { Child } = await import(${JSON.stringify(source)});
      const child = await Child.start({ command: 'sleep', args: ['1000'] });
      console.log(child.pid)`;
    const args = ['--experimental-transform-types', '--no-warnings', '--input-type=module', '-e', script];
    await using parent = await Child.start({ command: process.execPath, args, env: { PATH: process.env['PATH'] } });
    const pid = Number(await parent.line((line) => /^\d+$/.test(line)));
    expect(isAlive(pid)).toBe(true);
    await parent.kill();
    await eventually(() => !isAlive(pid));
  });
});

describe('rawRequest', () => {
  it('cuts after so many frames, and tells a clean end from a broken one', async () => {
    const server = createServer((request, response) => {
      response.write('id: 1\n\nid: 2\n\nid: 3\n\n');
      if (request.url === '/break') response.destroy();
      else response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    try {
      const cut = await rawRequest(url, { cutAfter: { frames: 2 } });
      expect([cut.end, cut.bytes.toString()]).toEqual(['cut', 'id: 1\n\nid: 2\n\n']);
      expect((await rawRequest(url)).end).toBe('clean');
      expect((await rawRequest(`${url}/break`).catch(() => ({ end: 'broken' }))).end).toBe('broken');
    } finally {
      server.close();
    }
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // ESRCH
  }
}
