import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../setup/problem.mjs';
import { isAlive } from './lock.mjs';

const pidFile = 'redis.pid';
const secretsFile = 'secrets.conf';

/**
 * The command that runs a private Redis whose data survives a restart. Every user of the machine may connect to its
 * port and list its arguments, so it asks for a password, which stands in a file that only we can read.
 * @param {import('../setup/redis-program.mjs').RedisProgram} program
 * @param {{ port: number, directory: string, password: string }} where loopback port, data folder, and what clients
 *   must say: letters and digits
 */
export function redisCommand(program, { port, directory, password }) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeSecret(path.join(directory, secretsFile), `requirepass ${password}\n`);
  const durable = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];
  // A queue must never lose a key to make room; a full Redis is an error that the caller sees.
  const bounded = ['--maxmemory-policy', 'noeviction'];
  if (program.kind === 'program') {
    const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', './', '--pidfile', `./${pidFile}`];
    return { command: program.path, args: [`./${secretsFile}`, ...own, ...durable, ...bounded], cwd: directory };
  }
  const owner = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const container = [
    'run',
    '--rm',
    '--publish',
    `127.0.0.1:${port}:6379`,
    '--volume',
    `${directory}:/data`,
    '--user',
    owner,
  ];
  return {
    command: 'docker',
    args: [...container, program.image, 'redis-server', `/data/${secretsFile}`, ...durable, ...bounded],
    cwd: directory,
  };
}

/**
 * @param {string} file
 * @param {string} text
 */
function writeSecret(file, text) {
  writeFileSync(file, '', { mode: 0o600 });
  // the mode above is only that of a new file
  chmodSync(file, 0o600);
  writeFileSync(file, text);
}

/**
 * Waits until the Redis of an earlier, killed run has let go of the data folder: two on one append-only file would ruin it.
 * @param {string} directory the data folder
 * @throws {Problem} it does not end
 */
export async function waitForEarlierRedis(directory) {
  const file = path.join(directory, pidFile);
  for (const deadline = Date.now() + 20_000; isAlive(pidIn(file), 'server'); await sleep(100)) {
    if (Date.now() > deadline) {
      throw new Problem(`A Redis of an earlier run still uses ${directory}.`, `End it first: kill ${pidIn(file)}`);
    }
  }
}

/** @param {string} file */
function pidIn(file) {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    // no file: it ended in order, or never ran
    return 0;
  }
}
