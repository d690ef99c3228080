/**
 * `npm run incident-day`: makes everything ready, then lets incidents happen, and sees whether the alerts tell of them.
 */
import { bootstrapForTests, bootstrapNode } from '../setup/bootstrap.mjs';
import { findProgram } from '../setup/install-package.mjs';
import { Problem, runScript } from '../setup/problem.mjs';
import { inProject } from '../setup/project.mjs';
import { environmentWith, runNode } from './run-node.mjs';

// the tests' own classes have parameter properties, which stripping types alone does not understand
const typescript = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'];

await runScript(() =>
  runNode(async () => {
    await bootstrapNode();
    // what the runbook's commands need, besides a Prometheus
    const missing = ['prometheus', 'promtool', 'jq', 'curl'].filter((program) => findProgram(program) === null);
    if (missing.length > 0)
      throw new Problem(
        `There is no ${missing.join(', ')} on this machine.`,
        'Debian, Ubuntu: sudo apt-get update && sudo apt-get install prometheus jq curl',
      );
    const { nginx } = await bootstrapForTests();
    return {
      args: [...typescript, inProject('tests/incidents/main.ts'), ...process.argv.slice(2)],
      env: environmentWith(nginx),
    };
  }),
);
