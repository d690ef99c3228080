import { spawn, spawnSync } from 'node:child_process';
import { Problem } from './problem.mjs';

/**
 * Runs a command to its end; its output goes to ours unless `quiet`, when it is kept and shown only on failure.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean }} [options]
 * @returns {Promise<string>} what it printed, when quiet
 * @throws {Problem} it could not be run, or exited with another code than 0
 */
export function runCommand(command, args, { cwd, env, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
    child.once('error', (error) => reject(new Problem(`Could not run ${command}: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(output);
      const lastLines = output.trim().split('\n').slice(-20);
      reject(new Problem(`${[command, ...args].join(' ')} failed (${signal ?? `exit ${code}`}).`, ...lastLines));
    });
  });
}

/**
 * The output of a short command, or null when it cannot be run or fails: for questions such as "which version?".
 * @param {string} command
 * @param {readonly string[]} args
 */
export function ask(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 });
  // nginx answers on stderr
  return status === 0 ? `${stdout}${stderr}`.trim() : null;
}
