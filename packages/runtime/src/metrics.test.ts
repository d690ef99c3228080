import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const METRICS = fileURLToPath(new URL('metrics.ts', import.meta.url));

/** @returns bytes */
async function heapLimit(...flags: readonly string[]): Promise<number> {
  const program = `const { metricsRegistry } = await import(${JSON.stringify(METRICS)});
    process.stdout.write(await metricsRegistry('api').metrics());`;
  const node = [...flags, '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program];
  const { stdout } = await promisify(execFile)(process.execPath, node);
  return Number(/^millrace_memory_limit_bytes\{of="heap",service="api"\} (\d+)$/m.exec(stdout)?.[1]);
}

it.each([
  ['', 512],
  ['--max-semi-space-size=8', 512],
  ['--max-semi-space-size=16', 64],
])('a process tells what the old generation of its heap may have: %s', async (semiSpace, megabytes) => {
  const flags = [`--max-old-space-size=${megabytes}`, semiSpace].filter((flag) => flag !== '');
  expect((await heapLimit(...flags)) / 2 ** 20).toBe(megabytes);
});
