import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { announce } from './progress.mjs';
import { runCommand } from './run-command.mjs';

/** What runs in production, the command line, and the simulated model: their packages and the root's `dependencies` are all that
 *  `npm start` needs. */
export const runningWorkspaces = [
  '@millrace/api',
  '@millrace/worker',
  '@millrace/web',
  '@millrace/simulated-model',
  'millrace',
];

const lockFile = (/** @type {string} */ root) => path.join(root, 'package-lock.json');
const stampFile = (/** @type {string} */ root) => path.join(root, 'node_modules', '.millrace-lock-hash');
/** npm's own record of what it installed, written last. */
const npmRecord = (/** @type {string} */ root) => path.join(root, 'node_modules', '.package-lock.json');

const lockHash = (/** @type {string} */ root) =>
  createHash('sha256')
    .update(readFileSync(lockFile(root)))
    .digest('hex');

/**
 * Whether `node_modules` is what the lock file asks for: our stamp says so, or npm wrote its record with the lock file
 * (a plain `npm install`) or after it. The stamp spares a reinstall when only the lock file's time changed.
 * @param {string} root a directory with a lock file
 */
export function dependenciesAreCurrent(root) {
  if (!existsSync(npmRecord(root))) return false;
  const stamp = stampFile(root);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockHash(root)) return true;
  const sameRunMs = 5_000; // npm writes the two within one run, in no fixed order
  return statSync(npmRecord(root)).mtimeMs + sameRunMs >= statSync(lockFile(root)).mtimeMs;
}

/**
 * Whether npm has installed the packages for tests and checks too, as a plain `npm ci` does.
 * @param {string} root a directory with a `package.json`
 */
export function hasDevelopmentDependencies(root) {
  if (!existsSync(npmRecord(root))) return false;
  const { devDependencies = {} } = readJson(path.join(root, 'package.json'));
  const { packages } = readJson(npmRecord(root));
  return Object.keys(devDependencies).every((name) => `node_modules/${name}` in packages);
}

const readJson = (/** @type {string} */ file) => JSON.parse(readFileSync(file, 'utf8'));

/**
 * Records that `node_modules` now matches the lock file.
 * @param {string} root a directory with a lock file
 */
export function stampDependencies(root) {
  writeFileSync(stampFile(root), lockHash(root));
}

/**
 * Installs what `npm start` needs, when it is missing or older than the lock file. Packages for tests and checks stay
 * where they are installed.
 * @param {string} root the project's directory
 */
export async function ensureRunningDependencies(root) {
  if (dependenciesAreCurrent(root)) return { outcome: 'up to date' };
  if (hasDevelopmentDependencies(root)) return ensureAllDependencies(root);
  const workspaces = runningWorkspaces.map((name) => `--workspace=${name}`);
  return install(root, 'ci', '--omit=dev', '--include-workspace-root', ...workspaces);
}

/**
 * Installs all packages of a lock file, those for tests and checks included, when some are missing or older than it.
 * @param {string} root the project's directory, or another one with a lock file
 */
export async function ensureAllDependencies(root) {
  const current = dependenciesAreCurrent(root);
  if (current && hasDevelopmentDependencies(root)) return { outcome: 'up to date' };
  // `ci` would first delete what is there, and with it the ground under a system that runs
  return install(root, ...(current ? ['install', '--no-save'] : ['ci']), '--include=dev');
}

/**
 * @param {string} root
 * @param {...string} command of npm
 */
async function install(root, ...command) {
  announce(
    `npm ${command.filter((word) => !word.startsWith('--workspace')).join(' ')}; this takes a while the first time`,
  );
  // Warnings of an older Node's npm about itself are of no use here.
  await runCommand('npm', [...command, '--no-fund', '--no-audit', '--loglevel=error'], { cwd: root });
  stampDependencies(root);
  return { outcome: 'installed' };
}
