import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { announce } from './progress.mjs';
import { runCommand } from './run-command.mjs';

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
 * @param {string} root the project's directory
 */
export function dependenciesAreCurrent(root) {
  if (!existsSync(npmRecord(root))) return false;
  const stamp = stampFile(root);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockHash(root)) return true;
  const sameRunMs = 5_000; // npm writes the two within one run, in no fixed order
  return statSync(npmRecord(root)).mtimeMs + sameRunMs >= statSync(lockFile(root)).mtimeMs;
}

/**
 * Records that `node_modules` now matches the lock file.
 * @param {string} root the project's directory
 */
export function stampDependencies(root) {
  writeFileSync(stampFile(root), lockHash(root));
}

/**
 * Installs the dependencies with `npm ci` when they are missing or older than the lock file.
 * @param {string} root the project's directory
 */
export async function ensureDependencies(root) {
  if (dependenciesAreCurrent(root)) return { outcome: 'up to date' };
  announce('installing the dependencies (npm ci); this takes a minute the first time');
  // Development dependencies are needed to build, whatever NODE_ENV says. Warnings of an older Node's npm about itself are not.
  await runCommand('npm', ['ci', '--include=dev', '--no-fund', '--no-audit', '--loglevel=error'], { cwd: root });
  stampDependencies(root);
  return { outcome: 'installed' };
}
