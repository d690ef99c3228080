import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import { projectEnvironment } from '../setup/pinned-node.mjs';
import { projectRoot } from '../setup/project.mjs';
import { stopSignals } from './stop-signals.mjs';

/**
 * Runs a Node program in the foreground, as if it were this process: its output, its end when this one is stopped, its
 * exit code.
 * @param {() => Promise<{ args: readonly string[], env: NodeJS.ProcessEnv }>} prepare what comes before it; a stop counts
 *   from its beginning
 */
export async function runNode(prepare) {
  const signals = stopSignals();
  const { args, env } = await prepare();
  const child = spawn(process.execPath, [...args], { cwd: projectRoot, stdio: 'inherit', env });
  void signals.first.then(() => child.kill('SIGTERM'));
  process.exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

/**
 * The project's environment, with the folder of a program at the end of its PATH: Debian keeps nginx in sbin.
 * @param {string} program an absolute path
 */
export function environmentWith(program) {
  const env = projectEnvironment();
  return { ...env, PATH: `${env.PATH}${path.delimiter}${path.dirname(program)}` };
}
