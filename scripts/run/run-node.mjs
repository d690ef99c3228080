import { spawn } from 'node:child_process';
import { constants } from 'node:os';
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
