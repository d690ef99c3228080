/**
 * `npm start`: the whole of Millrace from one command: Redis, a model (simulated unless the environment names one), two
 * workers, or one with code of the user's own, one API with the page. `--verbose` shows every line of their logs. The
 * process that started it may send `reload`: then a new worker reads the agents anew, and the old one hands over what it runs.
 */
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { totalmem } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { bootstrapForStart, bootstrapNode } from '../setup/bootstrap.mjs';
import { ensureRunningDependencies } from '../setup/dependencies.mjs';
import { Problem, runScript } from '../setup/problem.mjs';
import { builtFile, inProject, isClone, stateDirectory } from '../setup/project.mjs';
import { banner, publicUrl } from './banner.mjs';
import { apiEnvironment, bareEnvironment, workerEnvironment } from './child-environments.mjs';
import { assertPortIsFree, freePort } from './free-port.mjs';
import { graphFiles, graphVariables } from './graph-files.mjs';
import { KeptChild } from './keep-running.mjs';
import { takeLock } from './lock.mjs';
import { readableWarning, wholeLine } from './log-lines.mjs';
import { chooseModel } from './model-choice.mjs';
import { makePrivate } from './private-folder.mjs';
import { httpReady, listeningLine, redisReady } from './readiness.mjs';
import { redisCommand, waitForEarlierRedis } from './redis-command.mjs';
import { stopSignals } from './stop-signals.mjs';
import { WorkerKiller } from './worker-killer.mjs';

const verbose = process.argv.includes('--verbose');
const logDirectory = path.join(stateDirectory, 'logs');
const host = process.env['HOST'] || '127.0.0.1';
const port = Number(process.env['PORT'] || '8080');

/** Longer than the time the services take to drain, see MILLRACE_DRAIN_MS and MILLRACE_WORKER_GRACE_MS. */
const serviceGraceMs = 45_000;

/** A second worker takes about 250 MB. */
const hasRoomForTwo = totalmem() > 3e9;

/** A demonstration should not be waited for: a killed worker is missed within 5 s. */
const soonMissed = { MILLRACE_WORKER_LOCK_MS: '4000', MILLRACE_WORKER_STALL_CHECK_MS: '1000' };

const killer = new WorkerKiller();

/** In the order of their start; they are stopped in the opposite order. @type {KeptChild[]} */
const children = [];
/** Tells of the first child that is beyond help. */
const problems = new EventEmitter();

/**
 * Starts one child and waits until it is ready.
 * @param {Pick<import('./child.mjs').ChildSpec, 'name' | 'command' | 'args'> & Partial<import('./child.mjs').ChildSpec>} spec
 * @param {(child: import('./child.mjs').Child, signal: AbortSignal) => Promise<void>} isReady
 */
async function startChild(spec, isReady) {
  const child = new KeptChild({
    env: bareEnvironment(),
    graceMs: serviceGraceMs,
    logDirectory,
    shown: verbose ? wholeLine : readableWarning,
    ...spec,
  });
  children.push(child);
  child.once('problem', (problem) => problems.emit('problem', problem));
  try {
    await child.ready(isReady);
  } catch (error) {
    await endChild(child);
    throw error;
  }
  return child;
}

/** @param {KeptChild} child */
async function endChild(child) {
  await child.stop();
  children.splice(children.indexOf(child), 1);
}

/** @param {import('../setup/redis-program.mjs').RedisProgram} program */
async function startRedis(program) {
  const redisPort = await freePort();
  const directory = path.join(stateDirectory, 'redis');
  const password = randomBytes(32).toString('hex');
  await waitForEarlierRedis(directory);
  await startChild(
    {
      name: 'redis',
      ...redisCommand(program, { port: redisPort, directory, password }),
      // Its warnings are advice about the machine; a crash shows the end of its log anyway.
      shown: verbose ? wholeLine : () => null,
    },
    (_, signal) => redisReady(redisPort, password, signal),
  );
  return `redis://:${password}@127.0.0.1:${redisPort}`;
}

async function startSimulatedModel() {
  const modelPort = await freePort();
  const args = [
    builtFile('@millrace/simulated-model', 'demo-model.js'),
    '--port',
    String(modelPort),
    '--host',
    '127.0.0.1',
  ];
  await startChild({ name: 'model', command: process.execPath, args }, async (child, signal) => {
    await listeningLine(child, signal);
  });
  return { OPENAI_BASE_URL: `http://127.0.0.1:${modelPort}/v1`, OPENAI_API_KEY: 'simulated' };
}

/**
 * @param {NodeJS.ProcessEnv} settings
 * @param {NodeJS.ProcessEnv} [defaults] where the environment says nothing else
 */
async function startWorker(settings, defaults = {}) {
  const healthPort = await freePort();
  const worker = await startChild(
    {
      name: 'worker',
      command: process.execPath,
      args: ['--enable-source-maps', '--min-semi-space-size=16', builtFile('@millrace/worker', 'main.js')],
      env: {
        ...defaults,
        ...workerEnvironment(),
        NODE_ENV: 'production',
        ...settings,
        MILLRACE_WORKER_HEALTH_PORT: String(healthPort),
      },
    },
    (_, signal) => httpReady(`http://127.0.0.1:${healthPort}/readyz`, signal),
  );
  worker.on('line', (line) => killer.note(worker, line));
  return worker;
}

/**
 * Two workers, so that one can watch one take over from the other. Code of the user's own gets one, with the times as they are
 * shipped: it may keep things in memory, or hold its worker up.
 * @param {NodeJS.ProcessEnv} settings
 */
async function startWorkers(settings) {
  if (runsOwnCode(settings)) return [await startWorker(settings)];
  return await Promise.all((hasRoomForTwo ? [1, 2] : [1]).map(() => startWorker(settings, soonMissed)));
}

/** @param {NodeJS.ProcessEnv} settings */
function runsOwnCode(settings) {
  return Boolean(settings['MILLRACE_GRAPHS'] || process.env['MILLRACE_PIPELINES']);
}

/**
 * @param {NodeJS.ProcessEnv} settings
 * @param {NodeJS.ProcessEnv} workerSettings
 */
async function startApi(settings, workerSettings) {
  // nobody stands before it who would have to notice that it stops
  const defaults = { MILLRACE_LINGER_MS: '0' };
  const webRoot = process.env['MILLRACE_WEB_ROOT'] || inProject(isClone ? 'services/web/dist' : 'web');
  const own = { HOST: host, PORT: String(port), MILLRACE_WEB_ROOT: webRoot };
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const api = await startChild(
    {
      name: 'api',
      command: process.execPath,
      args: ['--enable-source-maps', builtFile('@millrace/api', 'main.js')],
      env: {
        ...defaults,
        ...demonstration(workerSettings),
        ...apiEnvironment(),
        NODE_ENV: 'production',
        ...own,
        ...settings,
      },
    },
    (_, signal) => httpReady(`${publicUrl(reachable, port).replace('localhost', '127.0.0.1')}/readyz`, signal),
  );
  api.on('line', (line) => killer.obey(line));
}

/**
 * The killer needs lines of level `info` and a second worker, and nobody else's machine or jobs may be served.
 * @param {NodeJS.ProcessEnv} settings
 */
function demonstration(settings) {
  const level = process.env['MILLRACE_LOG_LEVEL'] || 'info';
  const isOurs = ['127.0.0.1', '::1', 'localhost'].includes(host) && !process.env['MILLRACE_AUTH'];
  return isOurs && hasRoomForTwo && !runsOwnCode(settings) && ['info', 'debug', 'trace'].includes(level)
    ? { MILLRACE_DEMONSTRATION: 'kill-worker' }
    : {};
}

async function startAll() {
  const program = await bootstrapForStart();
  // from here on, whatever a child writes is for us alone
  process.umask(0o077);
  const startedAt = Date.now();
  // the user's own, of one or of several, reaches the services with the rest of the environment
  const redis = program === null ? {} : { REDIS_URL: await startRedis(program) };
  const graphs = graphFiles(process.env, inProject('.'));
  const model = chooseModel(
    { ...(await graphVariables(graphs)), ...process.env },
    isClone ? 'npm start' : 'npx millrace dev',
  );
  const modelSettings = model.simulated ? await startSimulatedModel() : {};
  // beside the data of the Redis that is ours; a Redis of the user's own has jobs that others may archive elsewhere
  const archive =
    program === null || process.env['MILLRACE_ARCHIVE'] !== undefined
      ? {}
      : { MILLRACE_ARCHIVE: pathToFileURL(path.join(stateDirectory, 'archive')).href };
  const workerSettings = { ...redis, ...archive, ...modelSettings, MILLRACE_GRAPHS: graphs.join(',') };
  // a client's own quick start names a model of its own: the simulated one answers to any name
  const anyModel = model.simulated && !process.env['MILLRACE_MODELS'] ? { MILLRACE_MODELS: 'openai:*' } : {};
  const [workers] = await Promise.all([
    startWorkers(workerSettings),
    startApi({ ...redis, ...archive, ...anyModel }, workerSettings),
  ]);
  reloadOnRequest(workers, workerSettings);
  console.log(
    banner({
      url: publicUrl(host, port),
      model: model.describedAs,
      redis:
        program === null
          ? `yours (${process.env['REDIS_URLS'] ? 'REDIS_URLS' : 'REDIS_URL'})`
          : `private, its data in ${path.relative(process.cwd(), stateDirectory)}/redis`,
      logs: path.relative(process.cwd(), logDirectory),
      startedInMs: Date.now() - startedAt,
    }),
  );
}

/**
 * @param {KeptChild[]} first
 * @param {NodeJS.ProcessEnv} settings
 */
function reloadOnRequest(first, settings) {
  let workers = first;
  const reload = async () => {
    try {
      const successor = await startWorker(settings);
      await Promise.all(workers.map(endChild));
      workers = [successor];
      console.log('the worker has read its agents anew');
    } catch (error) {
      // the old one goes on: a mistake in an agent ends nothing
      console.log(error instanceof Problem ? error.message : error);
    }
  };
  let reloading = Promise.resolve();
  process.on('message', (message) => {
    if (message === 'reload') reloading = reloading.then(reload);
  });
}

/** The API drains first, then the worker hands its jobs over, Redis saves last: each still has what it needs. */
async function stopAll() {
  const order = ['api', 'worker', 'model', 'redis'];
  for (const name of order) {
    await Promise.all(children.filter(({ spec }) => spec.name === name).map((child) => child.stop()));
  }
}

/** @returns {Promise<never>} rejects when a child is beyond help */
async function anyProblem() {
  throw (await once(problems, 'problem'))[0];
}

function assertPort() {
  if (Number.isInteger(port) && port > 0 && port < 65_536) return;
  throw new Problem(
    `PORT=${process.env['PORT']} is no port.`,
    'It is a number from 1 to 65535; without it 8080 is taken.',
  );
}

await runScript(async () => {
  assertPort();
  const signals = stopSignals();
  await bootstrapNode(ensureRunningDependencies);
  makePrivate(stateDirectory, ['redis', 'archive', 'logs', 'bin', 'start.lock']);
  const lock = takeLock(path.join(stateDirectory, 'start.lock'), publicUrl(host, port));
  try {
    await assertPortIsFree(port, host);
    await Promise.race([startAll().then(anyProblem), signals.first]);
    console.log('\nstopping: the API drains, the worker hands its jobs over, Redis saves');
  } finally {
    signals.onSecond(() => {
      for (const child of children) child.kill();
    });
    await stopAll();
    lock[Symbol.dispose]();
  }
});
