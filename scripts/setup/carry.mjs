/**
 * Puts what `millrace dev` needs beside its package for the time that npm packs it: the scripts that start everything, and the page.
 *
 *   node scripts/setup/carry.mjs            before packing
 *   node scripts/setup/carry.mjs --remove   after it
 */
import { cpSync, existsSync, rmSync } from 'node:fs';
import { Problem, runScript } from './problem.mjs';
import { inProject } from './project.mjs';

/** Where each stands in the checkout, and in the package. */
const carried = [
  ['scripts/run', 'scripts/run'],
  ['scripts/setup', 'scripts/setup'],
  ['services/web/dist', 'web'],
];

await runScript(async () => {
  const isDone = process.argv.includes('--remove');
  for (const [from = '', to = ''] of carried) {
    const place = inProject('services/cli', to);
    rmSync(place, { recursive: true, force: true });
    if (isDone) continue;
    if (!existsSync(inProject(from))) throw new Problem(`${from} is not there.`, 'Build first: npm run build');
    cpSync(inProject(from), place, { recursive: true, filter: (file) => !file.endsWith('.test.ts') });
  }
  if (isDone) rmSync(inProject('services/cli/scripts'), { recursive: true, force: true });
});
