import {
  aptCandidate,
  aptCanInstall,
  aptInstall,
  brewCanInstall,
  brewInstall,
  dockerAnswers,
  findProgram,
  updateApt,
} from './install-package.mjs';
import { Problem } from './problem.mjs';
import { announce } from './progress.mjs';
import { ask, runCommand } from './run-command.mjs';

const oldestMajor = 7;
const image = process.env['REDIS_IMAGE'] ?? 'redis:8';

/**
 * How a Redis is run here: a program on this machine, or an image for the Docker engine.
 * @typedef {{ kind: 'program', path: string } | { kind: 'container', image: string }} RedisProgram
 */

/**
 * Makes sure that a real Redis ≥ 7.0 (or Valkey) can be run: on the PATH, else installed, else in a container.
 * @returns {Promise<{ outcome: string, program: RedisProgram }>}
 * @throws {Problem} none can be had
 */
export async function ensureRedis() {
  const present = installedRedis();
  if (present !== null) return present;
  if (aptCanInstall()) await installFromDebian();
  else if (brewCanInstall()) {
    announce('installing Redis (brew install redis)');
    await brewInstall('redis');
  }
  const installed = installedRedis();
  if (installed !== null) return installed;
  if (dockerAnswers()) return redisInContainer();
  throw new Problem(
    `There is no redis-server ≥ ${oldestMajor}.0 or valkey-server on this machine, and none could be installed.`,
    'Debian, Ubuntu: sudo apt-get update && sudo apt-get install redis-server',
    'macOS:          brew install redis',
    'Or let npm start use one that runs elsewhere: REDIS_URL=redis://host:6379 npm start',
  );
}

/** The first Redis or Valkey of the PATH that is new enough. */
function installedRedis() {
  for (const name of ['redis-server', 'valkey-server']) {
    const path = findProgram(name);
    const version = path && serverVersion(ask(path, ['--version']) ?? '');
    if (path && version && isNewEnough(version)) {
      return { outcome: `${name} ${version}`, program: /** @type {RedisProgram} */ ({ kind: 'program', path }) };
    }
  }
  return null;
}

/**
 * The version in what `redis-server --version` or `valkey-server --version` prints, or null.
 * @param {string} printed
 */
export function serverVersion(printed) {
  return /\bv=(\d+\.\d+\.\d+)/.exec(printed)?.[1] ?? null;
}

/** @param {string} version */
export const isNewEnough = (version) => Number(version.split('.')[0]) >= oldestMajor;

async function installFromDebian() {
  announce('installing Redis (apt-get); its daemon is not started');
  await updateApt();
  // Ubuntu 22.04 still has Redis 6: then its Valkey, if any, will do
  for (const name of ['redis-server', 'valkey-server']) {
    const candidate = aptCandidate(name);
    if (candidate && isNewEnough(candidate)) return aptInstall(name, name);
  }
}

async function redisInContainer() {
  if (ask('docker', ['image', 'inspect', image]) === null) {
    announce(`fetching the image ${image}`);
    await runCommand('docker', ['pull', '--quiet', image], { quiet: true });
  }
  return { outcome: `container ${image}`, program: /** @type {RedisProgram} */ ({ kind: 'container', image }) };
}
