/**
 * Packs the command line with all of our packages that it needs, to be installed together elsewhere.
 *
 *   node scripts/setup/pack.mjs <folder>
 */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Problem, runScript } from './problem.mjs';
import { inProject, projectRoot } from './project.mjs';
import { runCommand } from './run-command.mjs';

/** @typedef {{ name: string, dependencies?: Record<string, string> }} Manifest */

const manifests = new Map(
  globSync('{packages,services}/*/package.json', { cwd: projectRoot }).map((file) => {
    const manifest = /** @type {Manifest} */ (JSON.parse(readFileSync(inProject(file), 'utf8')));
    return [manifest.name, manifest];
  }),
);

/**
 * @param {string} name
 * @param {Set<string>} [found]
 */
function withDependencies(name, found = new Set()) {
  const manifest = manifests.get(name);
  if (manifest === undefined || found.has(name)) return found;
  found.add(name);
  for (const dependency of Object.keys(manifest.dependencies ?? {})) withDependencies(dependency, found);
  return found;
}

await runScript(async () => {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Problem('Say where the packages are to be put: npm run pack -- <folder>');
  const workspaces = [...withDependencies('millrace')].map((name) => `--workspace=${name}`);
  // npm runs this in the folder in which a person has typed
  const there = path.resolve(process.env['INIT_CWD'] ?? '.', folder);
  await runCommand('npm', ['pack', '--silent', '--pack-destination', there, ...workspaces], { cwd: projectRoot });
});
