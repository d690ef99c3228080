/**
 * `npm test`: makes everything ready, then runs all tests. Arguments go to Jest: `npm test -- --selectProjects redis`.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import { bootstrapForTests, bootstrapNode } from './bootstrap.mjs';
import { projectEnvironment } from './pinned-node.mjs';
import { runScript } from './problem.mjs';
import { inProject, projectRoot } from './project.mjs';
import { stopSignals } from './stop-signals.mjs';

/**
 * Jest's arguments: the caller's, with a bound on the workers unless the caller gave one.
 * @param {readonly string[]} given
 */
function jestArguments(given) {
  const bounded = given.some((argument) => /^(-w|--maxWorkers|-i$|--runInBand$)/.test(argument));
  // The Redis and end-to-end tests start processes of their own: more than two files at once only slow each other down.
  return bounded ? [...given] : ['--maxWorkers=2', ...given];
}

/**
 * Puts a program's folder on the PATH, where the tests look for it: Debian's nginx is in sbin.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} program
 */
const withProgram = (env, program) => ({ ...env, PATH: `${path.dirname(program)}${path.delimiter}${env['PATH']}` });

await runScript(async () => {
  const signals = stopSignals();
  await bootstrapNode();
  const { nginx } = await bootstrapForTests();
  const jest = spawn(
    process.execPath,
    [inProject('node_modules/jest/bin/jest.js'), ...jestArguments(process.argv.slice(2))],
    {
      cwd: projectRoot,
      stdio: 'inherit',
      env: {
        ...withProgram(projectEnvironment(), nginx),
        NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --experimental-vm-modules --no-warnings`.trim(),
      },
    },
  );
  void signals.first.then(() => jest.kill('SIGTERM'));
  process.exitCode = await new Promise((resolve, reject) => {
    jest.once('error', reject);
    jest.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
});
