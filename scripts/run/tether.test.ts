import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const tether = fileURLToPath(new URL('tether.mjs', import.meta.url));

/** A command that says its process id and then waits; with `deaf` it does not end on SIGTERM. */
const waiting = ({ deaf = false } = {}) => [
  process.execPath,
  '-e',
  `${deaf ? "process.on('SIGTERM', () => console.log('deaf'));" : ''} console.log(process.pid); setInterval(() => {}, 1000)`,
];

/** A parent that starts the tether, as `npm start` does, and prints what it prints. */
function startParent(command: readonly string[], options: readonly string[] = []) {
  const child = JSON.stringify([tether, ...options, '--', ...command]);
  const script = `require('node:child_process').spawn(process.execPath, ${child}, { stdio: ['pipe', 'inherit', 'inherit'] })`;
  return spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  const [line] = await once(createInterface({ input: stream }), 'line');
  return String(line);
}

/** Settled when nobody holds the other end any more: parent, tether and command are gone. */
const untilClosed = (stream: NodeJS.ReadableStream) => once(stream, 'close');

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('tether', () => {
  it('ends its command when the parent is killed with SIGKILL', async () => {
    const parent = startParent(waiting());
    const pid = Number(await firstLine(parent.stdout));
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await untilClosed(parent.stdout);
    expect(isAlive(pid)).toBe(false);
  });

  it('kills a command that ignores SIGTERM after the grace time', async () => {
    const parent = startParent(waiting({ deaf: true }), ['--grace-ms', '50']);
    const pid = Number(await firstLine(parent.stdout));
    parent.kill('SIGKILL');
    await untilClosed(parent.stdout);
    expect(isAlive(pid)).toBe(false);
  });

  it('ignores SIGINT and passes SIGTERM on', async () => {
    const tethered = spawn(process.execPath, [tether, '--', ...waiting()], { stdio: ['pipe', 'pipe', 'inherit'] });
    const pid = Number(await firstLine(tethered.stdout));
    tethered.kill('SIGINT');
    tethered.kill('SIGTERM');
    const [code] = await once(tethered, 'close');
    expect(code).toBe(128 + 15);
    expect(isAlive(pid)).toBe(false);
  });

  it('exits as its command does, output included', async () => {
    const command = [process.execPath, '-e', "console.log('said'); process.exitCode = 7"];
    const tethered = spawn(process.execPath, [tether, '--', ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line, [code]] = await Promise.all([firstLine(tethered.stdout), once(tethered, 'close')]);
    expect([line, code]).toEqual(['said', 7]);
  });
});
