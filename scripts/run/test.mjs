/**
 * `npm test`: makes everything ready, then runs all tests but the fault matrix, which takes minutes and has the machine
 * for itself (`npm run test:faults`). Arguments go to Jest: `npm test -- --selectProjects redis`.
 */
import { availableParallelism } from 'node:os';
import { bootstrapForTests, bootstrapNode } from '../setup/bootstrap.mjs';
import { runScript } from '../setup/problem.mjs';
import { inProject } from '../setup/project.mjs';
import { environmentWith, runNode } from './run-node.mjs';

/**
 * Jest's arguments: the caller's, with a bound on the workers and the projects unless the caller gave them.
 * @param {readonly string[]} given
 */
function jestArguments(given) {
  const gave = (/** @type {RegExp} */ option) => given.some((argument) => option.test(argument));
  // Most files wait for processes of theirs (a lock that runs out, a fail-over) and leave a processor free meanwhile. The
  // bound is for memory: a file may have ten processes.
  const atOnce = Math.min(2 * availableParallelism(), 8);
  const workers = gave(/^(-w|--maxWorkers|-i$|--runInBand$)/) ? [] : [`--maxWorkers=${atOnce}`];
  // last, since it takes every plain word that follows it
  const projects = gave(/^--(selectProjects|ignoreProjects)/) ? [] : ['--selectProjects', 'unit', 'redis', 'e2e'];
  return [...workers, ...given, ...projects];
}

await runScript(() =>
  runNode(async () => {
    await bootstrapNode();
    const { nginx } = await bootstrapForTests();
    return {
      args: [inProject('node_modules/jest/bin/jest.js'), ...jestArguments(process.argv.slice(2))],
      env: {
        ...environmentWith(nginx),
        NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --experimental-vm-modules --no-warnings`.trim(),
      },
    };
  }),
);
