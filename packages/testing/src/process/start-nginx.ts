import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../latches/eventually.ts';
import { Child } from './child-process.ts';

export interface NginxOptions {
  /** the whole configuration. It must not name a `pid` file or go to the background; relative paths are those of
   *  a temporary directory, which has `logs/` and `tmp/` in it. */
  readonly config: string;
  /** the port on 127.0.0.1 that the configuration listens on */
  readonly port: number;
  /** further files beside the configuration, by relative path */
  readonly files?: Readonly<Record<string, string>>;
}

/** A real nginx in the foreground, as a process of its own. */
export interface TestNginx extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly child: Child;
  stop(): Promise<void>;
}

/** Starts nginx with a configuration; settled when it listens.
 *  @throws Error nginx is not installed, or refuses the configuration; quotes its complaint */
export async function startNginx({ config, port, files = {} }: NginxOptions): Promise<TestNginx> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-nginx-'));
  await Promise.all(['logs', 'tmp'].map((name) => mkdir(join(directory, name))));
  for (const [path, text] of Object.entries({ ...files, 'nginx.conf': config })) {
    await mkdir(join(directory, path, '..'), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  const child = await Child.start({
    command: 'nginx',
    args: ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr', '-g', `daemon off; pid ${directory}/nginx.pid;`],
  });
  const stop = async () => {
    if (child.running) await child.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await untilItListens(child, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${port}`, child, stop, [Symbol.asyncDispose]: stop };
}

async function untilItListens(child: Child, port: number): Promise<void> {
  const refused = child.exited.then(() => {
    throw new Error(`nginx ended:\n${child.lines.join('\n')}`);
  });
  const listens = eventually(async () => {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return true;
    } finally {
      socket.destroy();
    }
  });
  await Promise.race([listens, refused]);
}
