import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { projectEnvironment } from './pinned-node.mjs';
import { Problem } from './problem.mjs';
import { inProject, projectRoot } from './project.mjs';
import { ask, runCommand } from './run-command.mjs';

/** What the code must work beside, on one Redis: see "Upgrading" in docs/operations.md. Moved on with each release. */
export const LAST_RELEASE = 'aa121fcb664537f3c171ba2808ceb28aa4e11864';

/** What API and workers are built from, in the order in which they need each other. */
const WORKSPACES = ['contracts', 'protocols', 'runtime', 'stream-log', 'threads']
  .map((name) => `packages/${name}`)
  .concat('services/api', 'services/worker');

/** npm's copies of a workspace's own versions. */
const OWN_MODULES = ['services/api', 'services/worker'];

/** @typedef {{ version?: string, link?: boolean, optional?: boolean }} LockEntry */

/** Whether the history goes back to the last release: that of a shallow clone may not, an archive has none. */
export function hasLastRelease() {
  return ask('git', ['-C', projectRoot, 'cat-file', '-t', LAST_RELEASE])?.trim() === 'commit';
}

/**
 * Builds API and worker of the last release, in a folder that Git, Jest and the compiler leave alone; once built, it stays.
 * @returns {Promise<{ outcome: string, folder: string }>} an absolute path, laid out as this repository
 * @throws {Problem} the history does not go back to it, or it cannot be built
 */
export async function ensureLastRelease() {
  const cache = inProject('node_modules', '.cache', 'millrace');
  const folder = path.join(cache, `release-${LAST_RELEASE}`);
  if (existsSync(folder)) return { outcome: 'built before', folder };
  if (!hasLastRelease()) {
    throw new Problem(`The history of this clone lacks ${LAST_RELEASE}, the last release.`, 'git fetch --unshallow');
  }
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  const env = projectEnvironment();
  try {
    const archive = path.join(making, 'source.tar');
    await runCommand('git', ['archive', `--output=${archive}`, LAST_RELEASE], { cwd: projectRoot, quiet: true });
    await runCommand('tar', ['-xf', archive, '-C', making], { quiet: true });
    rmSync(archive);
    const shared = hasItsDependencies(making);
    if (shared) linkDependencies(making);
    else
      await runCommand('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], { cwd: making, env, quiet: true });
    for (const workspace of WORKSPACES) {
      await runCommand('tsc', ['-p', 'tsconfig.build.json'], { cwd: path.join(making, workspace), env, quiet: true });
    }
    renameSync(making, folder);
    return { outcome: shared ? 'built' : 'installed and built', folder };
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Whether everything that the release asks for is installed here, at the same place in the same version.
 * @param {string} release its folder
 */
function hasItsDependencies(release) {
  const asked = Object.entries(lockEntries(path.join(release, 'package-lock.json')));
  const installed = lockEntries(inProject('node_modules', '.package-lock.json'));
  return asked.every(
    ([place, { version, link, optional }]) =>
      !place.includes('node_modules/') || link || optional || installed[place]?.version === version,
  );
}

/**
 * @param {string} file
 * @returns {Readonly<Record<string, LockEntry>>} by place
 */
function lockEntries(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

/**
 * Its own packages for itself; everything else is found further up, where this repository has it.
 * @param {string} release its folder
 */
function linkDependencies(release) {
  const scope = path.join(release, 'node_modules', '@millrace');
  mkdirSync(scope, { recursive: true });
  for (const workspace of WORKSPACES) {
    symlinkSync(path.join('..', '..', workspace), path.join(scope, path.basename(workspace)));
  }
  for (const workspace of OWN_MODULES) {
    const own = inProject(workspace, 'node_modules');
    if (existsSync(own)) symlinkSync(own, path.join(release, workspace, 'node_modules'));
  }
}
