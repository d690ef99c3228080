import type { AddressInfo } from 'node:net';
import { Child } from '@millrace/testing';

/** A script of the bench that runs as a process of its own. */
export interface AppProcess extends AsyncDisposable {
  readonly child: Child;
  /** where it listens on 127.0.0.1; 0 where it does not */
  readonly port: number;
}

const START_TIMEOUT_MS = 60_000;

/** Runs a script that prints `{"listening": port}` when it is ready; see {@link listening}.
 *  @param env added to `PATH` and `NODE_ENV=production`
 *  @throws Error it ended before it was ready; quotes what it wrote */
export async function startApp(script: URL, env: Readonly<Record<string, string>>): Promise<AppProcess> {
  const child = await Child.start({
    command: process.execPath,
    args: [script.pathname],
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...env },
  });
  try {
    const line = await child.line((text) => text.startsWith('{"listening":'), START_TIMEOUT_MS);
    const { listening: port } = JSON.parse(line) as { listening: number };
    return { child, port, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  } catch (error) {
    await child.kill();
    throw error;
  }
}

/** Says that this process is ready, to whoever started it with {@link startApp}.
 *  @param address where it listens; null where it does not */
export function listening(address: AddressInfo | string | null): void {
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  process.stdout.write(`${JSON.stringify({ listening: port })}\n`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
}

/** A variable of the environment that {@link startApp} was given.
 *  @throws Error it is missing */
export function given(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
