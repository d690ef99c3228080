/**
 * `npm run docs:site`: builds the Markdown pages as a static site, with the project's own Node. @see build-site.mjs
 */

import { runNode } from '../run/run-node.mjs';
import { bootstrapNode } from '../setup/bootstrap.mjs';
import { projectEnvironment } from '../setup/pinned-node.mjs';
import { runScript } from '../setup/problem.mjs';
import { inProject } from '../setup/project.mjs';

await runScript(() =>
  runNode(async () => {
    await bootstrapNode();
    return {
      args: [inProject('scripts/docs/build-site.mjs'), ...process.argv.slice(2)],
      env: projectEnvironment(),
    };
  }),
);
