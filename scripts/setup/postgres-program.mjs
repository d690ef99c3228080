import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { aptCanInstall, aptInstall, brewCanInstall, brewInstall, findProgram, updateApt } from './install-package.mjs';
import { Problem } from './problem.mjs';
import { announce } from './progress.mjs';
import { ask } from './run-command.mjs';

/** Where Debian keeps each version's programs. */
const debian = '/usr/lib/postgresql';

/**
 * Makes sure that the Redis tests can start a PostgreSQL of their own.
 * @returns {Promise<{ outcome: string }>}
 * @throws {Problem} none can be had
 */
export async function ensurePostgres() {
  const present = installedPostgres();
  if (present !== null) return present;
  if (aptCanInstall()) {
    announce('installing postgresql (apt-get); its daemon is not started');
    await updateApt();
    await aptInstall('postgresql', 'postgresql');
  } else if (brewCanInstall()) {
    announce('installing PostgreSQL (brew install postgresql)');
    await brewInstall('postgresql');
  }
  const installed = installedPostgres();
  if (installed !== null) return installed;
  throw new Problem(
    'There is no PostgreSQL on this machine, and none could be installed; the tests of its checkpoints need one.',
    'Debian, Ubuntu: sudo apt-get update && sudo apt-get install postgresql',
    'macOS:          brew install postgresql',
  );
}

function installedPostgres() {
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const candidates = [...versions.map((version) => path.join(debian, version, 'bin', 'initdb')), findProgram('initdb')];
  const program = candidates.find((candidate) => candidate !== null && existsSync(candidate));
  const version = program && /(\d+\S*)/.exec(ask(program, ['--version']) ?? '')?.[1];
  return version ? { outcome: `postgresql ${version}` } : null;
}
