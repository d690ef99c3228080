/**
 * `npm run bench`: makes everything ready, then runs the benchmarks named by the arguments, or all of them.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import { bootstrapForTests, bootstrapNode } from './bootstrap.mjs';
import { projectEnvironment } from './pinned-node.mjs';
import { runScript } from './problem.mjs';
import { inProject, projectRoot } from './project.mjs';

const given = process.argv.slice(2);

await runScript(async () => {
  // help needs nothing but a Node that strips types
  const env = given.some((argument) => argument === '--help' || argument === '-h')
    ? await bootstrapNode().then(projectEnvironment)
    : environmentWith(await bootstrapForTests());
  const bench = spawn(process.execPath, [inProject('bench/src/main.ts'), ...given], {
    cwd: projectRoot,
    stdio: 'inherit',
    env,
  });
  // Ctrl-C reaches it by itself; this process only waits for its end.
  process.on('SIGINT', () => {});
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP'])) process.on(signal, () => bench.kill(signal));
  process.exitCode = await new Promise((resolve, reject) => {
    bench.once('error', reject);
    bench.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
});

/**
 * The environment in which the benchmarks find what was made ready: nginx on the PATH (Debian's is in sbin), and the
 * kind of Redis that this machine has.
 * @param {Awaited<ReturnType<typeof bootstrapForTests>>} programs
 */
function environmentWith({ redis, nginx }) {
  const env = projectEnvironment();
  return {
    MILLRACE_TEST_REDIS: redis.kind === 'program' ? 'process' : 'container',
    ...env,
    PATH: `${env.PATH}${path.delimiter}${path.dirname(nginx)}`,
  };
}
