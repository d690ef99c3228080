/**
 * `npm run bench`: makes everything ready, then runs the benchmarks named by the arguments, or all of them.
 */
import { bootstrapForTests, bootstrapNode } from '../setup/bootstrap.mjs';
import { ensureAllDependencies } from '../setup/dependencies.mjs';
import { projectEnvironment } from '../setup/pinned-node.mjs';
import { runScript } from '../setup/problem.mjs';
import { step } from '../setup/progress.mjs';
import { inProject } from '../setup/project.mjs';
import { environmentWith, runNode } from './run-node.mjs';

const given = process.argv.slice(2);
const asksForHelp = given.some((argument) => argument === '--help' || argument === '-h');

await runScript(() =>
  runNode(async () => {
    await bootstrapNode();
    // help needs nothing but a Node that strips types
    return {
      args: [inProject('bench/src/main.ts'), ...given],
      env: asksForHelp ? projectEnvironment() : await prepared(),
    };
  }),
);

/** @returns {Promise<NodeJS.ProcessEnv>} in which the benchmarks find nginx and the kind of Redis that this machine has */
async function prepared() {
  const { redis, nginx } = await bootstrapForTests();
  for (const peer of ['langgraph', 'pure-graph']) {
    await step(peer, () => ensureAllDependencies(inProject(`bench/src/peers/${peer}`)));
  }
  return { MILLRACE_TEST_REDIS: redis.kind === 'program' ? 'process' : 'container', ...environmentWith(nginx) };
}
