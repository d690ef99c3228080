import { aptCanInstall, aptInstall, brewCanInstall, brewInstall, findProgram, updateApt } from './install-package.mjs';
import { Problem } from './problem.mjs';
import { announce } from './progress.mjs';

const PROGRAMS = ['caddy', 'haproxy'];

/**
 * Makes sure that the end-to-end tests can run a real Caddy and a real HAProxy.
 * @returns {Promise<{ outcome: string }>}
 * @throws {Problem} one of them cannot be had
 */
export async function ensureOtherProxies() {
  const missing = PROGRAMS.filter((name) => findProgram(name) === null);
  if (missing.length > 0 && aptCanInstall()) {
    announce(`installing ${missing.join(' and ')} (apt-get); their daemons are not started`);
    await updateApt();
    for (const name of missing) await aptInstall(name, name);
  } else if (missing.length > 0 && brewCanInstall()) {
    for (const name of missing) await brewInstall(name);
  }
  if (PROGRAMS.every((name) => findProgram(name) !== null)) return { outcome: PROGRAMS.join(', ') };
  throw new Problem(
    `There is no ${missing.join(' and no ')} on this machine, and none could be installed; the end-to-end tests need them.`,
    'Debian, Ubuntu: sudo apt-get update && sudo apt-get install caddy haproxy',
    'macOS:          brew install caddy haproxy',
  );
}
