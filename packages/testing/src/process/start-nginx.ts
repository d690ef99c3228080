import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { keptFile } from '../canaries/kept-output.ts';
import { Child } from './child-process.ts';
import { untilOrEnded } from './until-or-ended.ts';

export interface NginxOptions {
  /** the configuration files by relative path; `nginx.conf` is required. They must not name a `pid` file or daemonize;
   *  their paths are relative to a temporary directory that contains `logs/`. */
  readonly files: { readonly 'nginx.conf': string; readonly [path: string]: string };
  /** the port on 127.0.0.1 that the configuration listens on */
  readonly port: number;
}

/** A real nginx in the foreground, in its own process. */
export interface TestNginx extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly child: Child;
  /** what `access.log` has so far */
  accessLog(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts nginx with a configuration; settles when it listens.
 *  @throws Error nginx is not installed, or refuses the configuration; quotes its message */
export async function startNginx({ files, port }: NginxOptions): Promise<TestNginx> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-nginx-'));
  // started by root, nginx runs its worker processes as another user, who must reach the bodies that it keeps there
  await chmod(directory, 0o755);
  await mkdir(join(directory, 'logs'));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  const child = await Child.start({
    command: 'nginx',
    args: ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr', '-g', `daemon off; pid ${directory}/nginx.pid;`],
  });
  const stop = async () => {
    if (child.running) await child.stop();
    const kept = keptFile(['nginx', 'access']);
    // a configuration that nginx refused has no access log
    if (kept !== null) await copyFile(join(directory, 'access.log'), kept).catch(() => undefined);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await untilItListens(child, port);
  } catch (error) {
    await stop();
    throw error;
  }
  const accessLog = () => readFile(join(directory, 'access.log'), 'utf8');
  return { url: `http://127.0.0.1:${port}`, child, accessLog, stop, [Symbol.asyncDispose]: stop };
}

async function untilItListens(child: Child, port: number): Promise<void> {
  await untilOrEnded(child, async () => {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return true;
    } finally {
      socket.destroy();
    }
  });
}
