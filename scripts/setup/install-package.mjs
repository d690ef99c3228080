import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ask, runCommand } from './run-command.mjs';

const policyFile = '/usr/sbin/policy-rc.d';

// Debian keeps servers in sbin, which is not on an ordinary user's PATH; Homebrew's folder is missing in some shells.
const moreDirectories = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/opt/homebrew/bin', '/usr/local/bin'];

/**
 * The absolute path of a program, or null when there is none.
 * @param {string} name
 * @param {string} [searchPath]
 */
export function findProgram(name, searchPath = process.env['PATH'] ?? '') {
  for (const directory of [...searchPath.split(path.delimiter).filter(Boolean), ...moreDirectories]) {
    const candidate = path.join(directory, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // not here: the next directory
    }
  }
  return null;
}

/** Whether apt-get can install here without asking anybody. */
export function aptCanInstall() {
  return process.platform === 'linux' && process.getuid?.() === 0 && isDebianLike() && findProgram('apt-get') !== null;
}

function isDebianLike() {
  return (
    existsSync('/etc/os-release') && /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
  );
}

/** Reads the package lists, which a fresh image does not have. */
export async function updateApt() {
  await apt('update');
}

/**
 * The version that apt would install, without the packaging parts (`7.0.15`), or null when it knows none.
 * @param {string} name
 */
export function aptCandidate(name) {
  const policy = ask('apt-cache', ['policy', name]) ?? '';
  return /Candidate: (?:\d+:)?(\d+(?:\.\d+)*)/.exec(policy)?.[1] ?? null;
}

/**
 * Installs a Debian package for its program alone: the daemon that comes with it is neither started now nor at the next boot.
 * A package that is installed already is left as it is, its daemon too.
 * @param {string} name the package, whose service has the given name
 * @param {string} service
 */
export async function aptInstall(name, service) {
  if (/^Status: .* installed$/m.test(ask('dpkg-query', ['--status', name]) ?? '')) return;
  await withoutStartingServices(() => apt('install', '--yes', '--no-install-recommends', name));
  if (existsSync('/run/systemd/system'))
    await runCommand('systemctl', ['disable', '--quiet', service], { quiet: true });
}

/** @param {() => Promise<void>} install */
async function withoutStartingServices(install) {
  // Debian's way to say it: maintainer scripts ask this program before they start a service, 101 means "do not".
  // One that is there already is the administrator's word and stays.
  const ours = !existsSync(policyFile);
  if (ours) writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await install();
  } finally {
    if (ours) rmSync(policyFile, { force: true });
  }
}

/** @param {...string} args */
async function apt(...args) {
  await runCommand('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    quiet: true,
  });
}

/** Whether Homebrew is here. */
export const brewCanInstall = () => findProgram('brew') !== null;

/**
 * Installs a Homebrew formula; brew starts no service unless told to.
 * @param {string} formula
 */
export async function brewInstall(formula) {
  await runCommand('brew', ['install', '--quiet', formula], { quiet: true });
}

/** Whether a Docker engine answers. */
export const dockerAnswers = () => ask('docker', ['version', '--format', '{{.Server.Version}}']) !== null;
