/**
 * `npm run capacity`: says what a deployment needs that carries so many streams. It starts nothing and needs no dependency, so it
 * prepares nothing either where Node is new enough.
 */
import { bootstrapNode } from '../setup/bootstrap.mjs';
import { projectEnvironment, runsOnPinnedNode } from '../setup/pinned-node.mjs';
import { runScript } from '../setup/problem.mjs';
import { inProject } from '../setup/project.mjs';
import { runNode } from './run-node.mjs';

await runScript(() =>
  runNode(async () => {
    if (!runsOnPinnedNode()) await bootstrapNode();
    return {
      args: [inProject('bench/src/capacity/command/main.ts'), ...process.argv.slice(2)],
      env: projectEnvironment(),
    };
  }),
);
