/**
 * `npm run chaos`: makes everything ready, then lets faults strike the built system under load.
 */
import path from 'node:path';
import { bootstrapForTests, bootstrapNode } from '../setup/bootstrap.mjs';
import { projectEnvironment } from '../setup/pinned-node.mjs';
import { runScript } from '../setup/problem.mjs';
import { inProject } from '../setup/project.mjs';
import { runNode } from './run-node.mjs';

await runScript(() =>
  runNode(async () => {
    await bootstrapNode();
    const { nginx } = await bootstrapForTests();
    const env = projectEnvironment();
    return {
      // the tests' own classes have parameter properties, which stripping types alone does not understand
      args: [
        '--experimental-transform-types',
        '--disable-warning=ExperimentalWarning',
        inProject('tests/chaos/main.ts'),
        ...process.argv.slice(2),
      ],
      // Debian's nginx is in sbin
      env: { ...env, PATH: `${env.PATH}${path.delimiter}${path.dirname(nginx)}` },
    };
  }),
);
