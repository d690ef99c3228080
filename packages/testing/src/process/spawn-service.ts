import { fileURLToPath } from 'node:url';
import { freePort } from '../latches/free-port.ts';
import { Child, type ChildExit } from './child-process.ts';
import { untilOrEnded } from './until-or-ended.ts';

// packages/testing/src or dist, this folder → the root of the repository
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const READY_TIMEOUT_MS = 180_000;

export type ServiceName = 'api' | 'worker';

/** The same flags as in the root's package.json. */
const V8_FLAGS: Readonly<Record<ServiceName, readonly string[]>> = { api: [], worker: ['--min-semi-space-size=16'] };

/** `exec`: the shell becomes the service. */
const LIMITED = 'ulimit -n "$0" && exec "$@"';

/** One entry of a service's log. */
export interface LogLine {
  readonly level: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

/** A built service in its own process. */
export class SpawnedService implements AsyncDisposable {
  constructor(
    readonly child: Child,
    readonly port: number,
  ) {}

  /** `http://127.0.0.1:port` */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** its log so far, without lines that are not JSON */
  get log(): LogLine[] {
    return this.child.lines.map(parseLine).filter((entry) => entry !== null);
  }

  /** The first log entry that matches, already written or still to come. */
  async logged(matches: (entry: LogLine) => boolean): Promise<LogLine> {
    const line = await this.child.line((text) => {
      const entry = parseLine(text);
      return entry !== null && matches(entry);
    });
    return JSON.parse(line) as LogLine;
  }

  /** Settles when `GET /readyz` answers 200.
   *  @throws Error the process ended first, or time ran out; quotes its last lines */
  async untilReady(timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    await untilOrEnded(this.child, async () => (await fetch(`${this.url}/readyz`)).ok, timeoutMs);
  }

  /** SIGTERM: it drains and ends. */
  stop(graceMs?: number): Promise<ChildExit> {
    return this.child.stop(graceMs);
  }

  /** SIGKILL: it ends at once. */
  kill(): Promise<ChildExit> {
    return this.child.kill();
  }

  /** SIGSTOP: it freezes, and nobody is told. */
  pause(): void {
    this.child.pause();
  }

  /** SIGCONT */
  resume(): void {
    this.child.resume();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.child[Symbol.asyncDispose]();
  }
}

interface SpawnOptions {
  /** max open files, `ulimit -n`; this process's own limit when left out */
  readonly openFiles?: number;
  /** whose build it is: the folder of another version, laid out as this repository */
  readonly root?: string;
}

/** Runs the built `services/<name>` on a free port of loopback and waits until it is ready.
 *  @param env added to `PATH`, `HOST` and `PORT`: the service gets nothing else of this process's environment
 *  @throws Error it did not become ready */
export async function spawnService(
  name: ServiceName,
  env: Readonly<Record<string, string>> = {},
  { openFiles, root = ROOT }: SpawnOptions = {},
): Promise<SpawnedService> {
  const port = Number(env['PORT'] ?? (await freePort()));
  const node = [process.execPath, '--enable-source-maps', ...V8_FLAGS[name], `services/${name}/dist/main.js`];
  const [command = '', ...args] = openFiles === undefined ? node : ['sh', '-c', LIMITED, String(openFiles), ...node];
  const child = await Child.start({
    command,
    args,
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      ...env,
      PORT: String(port),
      // a worker serves only its health
      MILLRACE_WORKER_HEALTH_PORT: String(port),
    },
  });
  const service = new SpawnedService(child, port);
  try {
    await service.untilReady();
  } catch (error) {
    await child.kill();
    throw error;
  }
  return service;
}

function parseLine(line: string): LogLine | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return null; // another line that begins with a brace
  }
}
