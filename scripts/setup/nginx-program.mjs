import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
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
import { projectRoot, stateDirectory } from './project.mjs';
import { ask, runCommand } from './run-command.mjs';

const image = process.env['NGINX_IMAGE'] ?? 'nginx:1.29';

/**
 * Makes sure that the end-to-end tests can run a real nginx.
 * @returns {Promise<{ outcome: string, path: string }>} the program, in a folder that belongs on the tests' PATH
 * @throws {Problem} none can be had
 */
export async function ensureNginx() {
  const present = installedNginx();
  if (present !== null) return present;
  if (aptCanInstall()) {
    announce('installing nginx (apt-get); its daemon is not started');
    await updateApt();
    await aptInstall('nginx-light', 'nginx');
  } else if (brewCanInstall()) {
    announce('installing nginx (brew install nginx)');
    await brewInstall('nginx');
  }
  const installed = installedNginx();
  if (installed !== null) return installed;
  // Only on Linux does a container share the loopback addresses that the tests listen on.
  if (process.platform === 'linux' && dockerAnswers()) return nginxInContainer();
  throw new Problem(
    'There is no nginx on this machine, and none could be installed; the end-to-end tests need one.',
    'Debian, Ubuntu: sudo apt-get update && sudo apt-get install nginx-light',
    'macOS:          brew install nginx',
  );
}

function installedNginx() {
  const program = findProgram('nginx');
  const version = program && /nginx\/(\S+)/.exec(ask(program, ['-v']) ?? '')?.[1];
  return program && version ? { outcome: `nginx ${version}`, path: program } : null;
}

/** A script that behaves like nginx and runs it in a container with the host's network and the folders that tests use. */
async function nginxInContainer() {
  if (ask('docker', ['image', 'inspect', image]) === null) {
    announce(`fetching the image ${image}`);
    await runCommand('docker', ['pull', '--quiet', image], { quiet: true });
  }
  const script = path.join(stateDirectory, 'bin', 'nginx');
  mkdirSync(path.dirname(script), { recursive: true });
  const shared = [projectRoot, tmpdir()].map((folder) => `--volume '${folder}:${folder}'`).join(' ');
  writeFileSync(
    script,
    `#!/bin/sh\nexec docker run --rm --network host --user "$(id -u):$(id -g)" ${shared} --entrypoint nginx '${image}' "$@"\n`,
  );
  chmodSync(script, 0o755);
  return { outcome: `container ${image}`, path: script };
}
