import { Child } from '@millrace/testing';

const TIMEOUT_MS = 120_000;

/** Runs a script of the bench that measures by itself, to its end.
 *  @param env added to `PATH` and `NODE_ENV=production`
 *  @returns the line of JSON that it printed
 *  @throws Error it printed none; quotes what it wrote */
export async function runScript<Result>(script: URL, env: Readonly<Record<string, string>>): Promise<Result> {
  await using child = await Child.start({
    command: process.execPath,
    args: [script.pathname],
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...env },
  });
  const line = await child.line((text) => text.startsWith('{"'), TIMEOUT_MS);
  await child.exited;
  return JSON.parse(line) as Result;
}
