/**
 * `npm run formats:record`: keeps what the last release writes to Redis, for tests/e2e/formats.test.ts. To be run when
 * LAST_RELEASE has moved on.
 */
import { bootstrapForTests, bootstrapNode } from '../setup/bootstrap.mjs';
import { ensureLastRelease, LAST_RELEASE } from '../setup/last-release.mjs';
import { runScript } from '../setup/problem.mjs';
import { inProject } from '../setup/project.mjs';
import { environmentWith, runNode } from './run-node.mjs';

// the tests' own classes have parameter properties, which stripping types alone does not understand
const typescript = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'];

await runScript(() =>
  runNode(async () => {
    await bootstrapNode();
    const { nginx } = await bootstrapForTests();
    const { folder } = await ensureLastRelease();
    return {
      args: [...typescript, inProject('tests/e2e/formats/record.ts'), LAST_RELEASE, folder],
      env: environmentWith(nginx),
    };
  }),
);
