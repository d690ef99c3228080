/**
 * `npm run test:upgrade`: builds the last release from the history, then runs the tests of an upgrade: its processes and those
 * of this build side by side. Arguments go to Jest.
 *
 *   npm run test:upgrade -- --required    fail, where the history does not go back to the last release
 */
import { bootstrapForTests, bootstrapNode } from '../setup/bootstrap.mjs';
import { ensureLastRelease, hasLastRelease, LAST_RELEASE } from '../setup/last-release.mjs';
import { runScript } from '../setup/problem.mjs';
import { step } from '../setup/progress.mjs';
import { inProject } from '../setup/project.mjs';
import { environmentWith, runNode } from './run-node.mjs';

const given = process.argv.slice(2).filter((argument) => argument !== '--required');
const isRequired = process.argv.includes('--required');

await runScript(async () => {
  if (!isRequired && !hasLastRelease()) {
    console.error(
      `\nSKIPPED: the tests of an upgrade. The history here does not go back to ${LAST_RELEASE}, the last release;\n` +
        '  in a clone, `git fetch --unshallow` brings it.\n',
    );
    return;
  }
  await runNode(async () => {
    await bootstrapNode();
    const { nginx } = await bootstrapForTests();
    const { folder } = await step('last release', ensureLastRelease);
    return {
      args: [inProject('node_modules/jest/bin/jest.js'), '--runInBand', ...given, '--selectProjects', 'upgrade'],
      env: {
        ...environmentWith(nginx),
        MILLRACE_TEST_LAST_RELEASE: folder,
        NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --experimental-vm-modules --no-warnings`.trim(),
      },
    };
  });
});
