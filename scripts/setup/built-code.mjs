import { projectEnvironment } from './pinned-node.mjs';
import { projectRoot } from './project.mjs';
import { runCommand } from './run-command.mjs';

/** Builds every workspace through turbo, which skips what has not changed. */
export async function ensureBuild() {
  const output = await runCommand(
    'turbo',
    ['run', 'build', '--output-logs=errors-only', '--no-color', '--no-update-notifier'],
    { cwd: projectRoot, env: { ...projectEnvironment(), TURBO_TELEMETRY_DISABLED: '1' }, quiet: true },
  );
  const cached = /Cached:\s*(\d+ cached, \d+ total)/.exec(output)?.[1];
  return { outcome: cached ?? 'built' };
}
