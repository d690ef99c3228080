/**
 * Makes a fresh clone on a fresh machine ready, and a ready one ready in seconds: dependencies, Node, build, Redis
 * and, for the tests, nginx. Needs nothing but some Node ≥ 20 and npm.
 *
 *   node scripts/setup/bootstrap.mjs           what `npm start` needs
 *   node scripts/setup/bootstrap.mjs --check   what `npm run check` needs
 *   node scripts/setup/bootstrap.mjs --test    what `npm test` needs
 */
import { pathToFileURL } from 'node:url';
import { ensureAllDependencies, ensureRunningDependencies, runningWorkspaces } from './dependencies.mjs';
import { ensureNginx } from './nginx-program.mjs';
import { ensureOtherProxies } from './other-proxies.mjs';
import { isReExecuted, projectEnvironment, reExecuteOnPinnedNode, runsOnPinnedNode } from './pinned-node.mjs';
import { ensurePostgres } from './postgres-program.mjs';
import { runScript } from './problem.mjs';
import { step } from './progress.mjs';
import { inProject, isClone, projectRoot } from './project.mjs';
import { ensureRedis } from './redis-program.mjs';
import { runCommand } from './run-command.mjs';

/**
 * The part that must run on whatever Node is there: dependencies, then this script again on the pinned Node.
 * Returns only on a Node that is new enough.
 * @param {(root: string) => Promise<{ outcome: string }>} ensure which dependencies: all, or what `npm start` needs
 */
export async function bootstrapNode(ensure = ensureAllDependencies) {
  // a package is installed whole, and its `engines` say which Node
  if (!isClone) return;
  // The re-executed script finds what its parent has just made sure of and said.
  if (!isReExecuted()) await step('dependencies', () => ensure(projectRoot));
  if (!runsOnPinnedNode()) await reExecuteOnPinnedNode();
}

/**
 * Everything else that `npm start` needs, after {@link bootstrapNode}.
 * @returns {Promise<import('./redis-program.mjs').RedisProgram | null>} null: `REDIS_URL` or `REDIS_URLS` says where Redis is
 */
export async function bootstrapForStart() {
  if (isClone) await step('build', () => ensureBuild(...runningWorkspaces));
  if (process.env['REDIS_URL'] || process.env['REDIS_URLS']) return null;
  const { program } = await step('redis', ensureRedis);
  return program;
}

/**
 * Everything else that `npm test` needs, after {@link bootstrapNode}.
 * @returns {Promise<{ redis: import('./redis-program.mjs').RedisProgram, nginx: string }>}
 */
export async function bootstrapForTests() {
  // one needs the processors, the others wait for the network; apt takes one caller at a time
  const [programs] = await Promise.all([ensurePrograms(), step('build', () => ensureBuild())]);
  return programs;
}

/**
 * Builds through turbo, which skips what has not changed.
 * @param {...string} workspaces these, with what they need; all when none is named
 */
async function ensureBuild(...workspaces) {
  const filters = workspaces.map((name) => `--filter=${name}`);
  const output = await runCommand(
    'turbo',
    ['run', 'build', ...filters, '--output-logs=errors-only', '--no-color', '--no-update-notifier'],
    { cwd: projectRoot, env: { ...projectEnvironment(), TURBO_TELEMETRY_DISABLED: '1' }, quiet: true },
  );
  const cached = /Cached:\s*(\d+ cached, \d+ total)/.exec(output)?.[1];
  return { outcome: cached ?? 'built' };
}

async function ensurePrograms() {
  const { program: redis } = await step('redis', ensureRedis);
  const { path: nginx } = await step('nginx', ensureNginx);
  await step('examples', ensureExamples);
  await step('postgres', ensurePostgres);
  await step('proxies', ensureOtherProxies);
  return { redis, nginx };
}

/** Installs what the examples, the documentation's site and the check of the Helm chart need, each from its own lock file. */
async function ensureExamples() {
  const outcomes = new Set();
  const examples = ['agents', 'chat-express', 'chat-nextjs', 'chat-react'].map((name) => `examples/${name}`);
  for (const folder of [...examples, 'docs/site', 'infra/helm']) {
    const { outcome } = await ensureAllDependencies(inProject(folder));
    outcomes.add(outcome);
  }
  return { outcome: [...outcomes].join(', ') };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runScript(async () => {
    const [what] = process.argv.slice(2);
    await bootstrapNode(what === undefined ? ensureRunningDependencies : ensureAllDependencies);
    if (what === undefined) await bootstrapForStart();
    if (what === '--test') await bootstrapForTests();
  });
}
