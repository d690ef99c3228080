import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '../latches/free-port.ts';
import { Child } from './child-process.ts';
import { untilOrEnded } from './until-or-ended.ts';

/** Where Debian keeps each version's programs, which are not on the PATH. */
const DEBIAN = '/usr/lib/postgresql';

/** A PostgreSQL server of its own, on loopback, whose data goes with it. */
export interface TestPostgres extends AsyncDisposable {
  /** `postgres://…`, of a superuser without a password */
  readonly url: string;
  /** Stops it, which breaks every connection, and starts it again on the same port. */
  restart(): Promise<void>;
  /** Stops it for good and removes its data. */
  stop(): Promise<void>;
}

/** Starts PostgreSQL with a new database cluster; settles when it accepts connections. As root it runs as `nobody`.
 *  @throws Error it is not installed, or does not start */
export async function startPostgres(): Promise<TestPostgres> {
  const bin = await programs();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-postgres-'));
  const data = join(directory, 'data');
  await mkdir(data);
  await chmod(directory, 0o755);
  const asUser = (command: string, args: readonly string[]) =>
    process.getuid?.() === 0
      ? { command: 'setpriv', args: ['--reuid=nobody', '--regid=nogroup', '--clear-groups', command, ...args] }
      : { command, args };
  const run = async (command: string, args: readonly string[]) => {
    const child = await Child.start({ command, args, cwd: directory });
    const { code } = await child.exited;
    if (code !== 0) throw new Error(`${command} failed:\n${child.lines.join('\n')}`);
  };
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    if (process.getuid?.() === 0) await run('chown', ['nobody:nogroup', data]);
    const initdb = asUser(join(bin, 'initdb'), [
      ...['--pgdata', data, '--username', 'millrace', '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C'],
      '--no-sync',
    ]);
    await run(initdb.command, initdb.args);
    const port = await freePort();
    const server = asUser(join(bin, 'postgres'), [
      ...['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      ...['-c', 'fsync=off', '-c', 'shared_buffers=16MB'],
    ]);
    let child = await start(server, directory, port);
    const shutDown = async () => {
      // SIGTERM would wait for connections to close
      if (child.running) process.kill(child.pid, 'SIGINT');
      await child.exited;
    };
    const stop = async () => {
      await shutDown();
      await remove();
    };
    const restart = async () => {
      await shutDown();
      child = await start(server, directory, port);
    };
    const url = `postgres://millrace@127.0.0.1:${port}/postgres`;
    return { url, restart, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function start(server: { command: string; args: readonly string[] }, cwd: string, port: number): Promise<Child> {
  const child = await Child.start({ ...server, cwd });
  try {
    await child.line((line) => line.includes('database system is ready to accept connections'));
    await untilOrEnded(child, () => answers(port));
  } catch (error) {
    await child.stop();
    throw error;
  }
  return child;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}

/** @returns the folder of the newest version's programs */
async function programs(): Promise<string> {
  const versions = existsSync(DEBIAN) ? (await readdir(DEBIAN)).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(DEBIAN, version, 'bin')), ...pathFolders()];
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
  if (found === undefined) throw new Error('PostgreSQL is not installed: apt-get install postgresql');
  return found;
}

function pathFolders(): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
}
