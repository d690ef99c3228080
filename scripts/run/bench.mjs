/**
 * `npm run bench`: makes everything ready, then runs the benchmarks named by the arguments, or all of them.
 */
import path from 'node:path';
import { bootstrapForTests, bootstrapNode } from '../setup/bootstrap.mjs';
import { projectEnvironment } from '../setup/pinned-node.mjs';
import { runScript } from '../setup/problem.mjs';
import { inProject } from '../setup/project.mjs';
import { runNode } from './run-node.mjs';

const given = process.argv.slice(2);

await runScript(() =>
  runNode(async () => {
    const asksForHelp = given.some((argument) => argument === '--help' || argument === '-h');
    await bootstrapNode();
    // help needs nothing but a Node that strips types
    const env = asksForHelp ? projectEnvironment() : environmentWith(await bootstrapForTests());
    return { args: [inProject('bench/src/main.ts'), ...given], env };
  }),
);

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
