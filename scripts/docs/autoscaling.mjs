/**
 * `npm run docs:autoscaling`: makes everything ready, then draws docs/images/autoscaling.svg from the built system and a Prometheus. It
 * takes four minutes.
 */
import { environmentWith, runNode } from '../run/run-node.mjs';
import { bootstrapForTests, bootstrapNode } from '../setup/bootstrap.mjs';
import { findProgram } from '../setup/install-package.mjs';
import { Problem, runScript } from '../setup/problem.mjs';
import { inProject } from '../setup/project.mjs';

// the tests' own classes have parameter properties, which stripping types alone does not understand
const typescript = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'];

await runScript(() =>
  runNode(async () => {
    await bootstrapNode();
    if (findProgram('prometheus') === null)
      throw new Problem(
        'There is no prometheus on this machine.',
        'Debian, Ubuntu: sudo apt-get update && sudo apt-get install prometheus',
      );
    const { nginx } = await bootstrapForTests();
    return { args: [...typescript, inProject('tests/autoscaling/main.ts')], env: environmentWith(nginx) };
  }),
);
