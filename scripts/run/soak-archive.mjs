/**
 * `npm run soak:archive`: makes everything ready, then runs many jobs through the built system and looks at the memory of Redis.
 */
import { bootstrapForTests, bootstrapNode } from '../setup/bootstrap.mjs';
import { runScript } from '../setup/problem.mjs';
import { inProject } from '../setup/project.mjs';
import { environmentWith, runNode } from './run-node.mjs';

// the tests' own classes have parameter properties, which stripping types alone does not understand
const typescript = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'];

await runScript(() =>
  runNode(async () => {
    await bootstrapNode();
    const { nginx } = await bootstrapForTests();
    return {
      args: [...typescript, inProject('tests/soak/main.ts'), ...process.argv.slice(2)],
      env: environmentWith(nginx),
    };
  }),
);
