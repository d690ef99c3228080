import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { Problem } from './problem.mjs';
import { inProject } from './project.mjs';

const pinnedMajor = 24;
const binDirectory = inProject('node_modules', '.bin');
const pinnedNode = path.join(binDirectory, process.platform === 'win32' ? 'node.cmd' : 'node');

/** The environment for children: the pinned Node and the project's tools come first on the PATH. */
export function projectEnvironment() {
  return { ...process.env, PATH: `${binDirectory}${path.delimiter}${process.env['PATH'] ?? ''}` };
}

/** Whether this process already runs on a Node that is new enough. */
export function runsOnPinnedNode() {
  return Number(process.versions.node.split('.')[0]) >= pinnedMajor;
}

/** Whether {@link reExecuteOnPinnedNode} started this process. */
export const isReExecuted = () => process.env['MILLRACE_REEXECUTED'] === String(process.ppid);

/**
 * Runs this very script again on the pinned Node, as a transparent child: same arguments, same terminal, same exit code.
 * It has an IPC channel so that it notices when this process is killed.
 * @returns {Promise<never>}
 */
export async function reExecuteOnPinnedNode() {
  if (!existsSync(pinnedNode)) {
    throw new Problem(
      `Node ${process.versions.node} is too old and the pinned Node ${pinnedMajor} is not in node_modules.`,
      'Its install script may have been switched off. Run: npm ci --include=dev --ignore-scripts=false',
    );
  }
  const child = spawn(pinnedNode, process.argv.slice(1), {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...projectEnvironment(), MILLRACE_REEXECUTED: String(process.pid) },
  });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.on(signal, () => child.kill(signal));
  return new Promise((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
