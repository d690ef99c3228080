/** Who may import whom. The reasons are in ARCHITECTURE.md; a broken rule fails `npm run check`. */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from, pathNot: '\\.test\\.ts$|/testing/' },
  to: { path: '^(packages|services)/|node_modules/', pathNot: allowed },
});

/** The rooms of each service, and which of the others each may import. */
const ROOMS = {
  api: {
    http: [],
    shards: [],
    health: ['shards'],
    server: ['http', 'health'],
    auth: ['http', 'shards', 'health'],
    credentials: ['http', 'shards', 'health', 'auth'],
    quota: ['http', 'shards', 'health', 'auth'],
    jobs: ['http', 'shards', 'health', 'auth', 'quota'],
    threads: ['http', 'shards', 'health', 'auth', 'quota', 'jobs'],
    relay: ['http', 'shards', 'health', 'server', 'auth', 'quota', 'jobs', 'threads'],
    console: ['http', 'shards', 'health', 'auth', 'credentials', 'quota', 'jobs', 'threads', 'relay'],
    routes: ['http', 'shards', 'health', 'auth', 'credentials', 'quota', 'jobs', 'threads', 'relay', 'console'],
    demonstration: ['auth', 'jobs', 'routes'],
  },
  worker: {
    shards: [],
    pipelines: ['shards'],
    attempt: ['shards', 'pipelines'],
    alone: ['attempt'],
    queue: ['shards', 'attempt', 'alone'],
    webhooks: ['shards'],
    archive: ['shards', 'attempt'],
    health: ['pipelines', 'attempt', 'queue'],
  },
};
const sources = (service) => `^services/${service}/src/`;
const API = sources('api');
const WORKER = sources('worker');

/** Tests obey the same rules, and may also use the harness. */
const roomRules = Object.entries(ROOMS).flatMap(([service, rooms]) => {
  const root = sources(service);
  const severity = 'error';
  const ofRoom = ([room, others]) => {
    const files = ['http', 'health'].includes(room)
      ? 'tokens'
      : ['auth', 'credentials', 'routes'].includes(room)
        ? 'tokens|settings|api-keys'
        : 'tokens|settings';
    const only = (allowed) => ({ path: root, pathNot: `${root}((${allowed.join('|')})/|(${files})\\.ts$)` });
    const comment = `${room} → ${[...others, files].join(', ')}`;
    return [
      {
        ...{ name: `${service}-${room}`, comment, severity },
        from: { path: `${root}${room}/`, pathNot: '\\.test\\.ts$|/testing/' },
        to: only([room, ...others]),
      },
      {
        ...{ name: `${service}-${room}-tests`, comment, severity },
        from: { path: `${root}${room}/.*(\\.test\\.ts$|/testing/)` },
        to: only([room, ...others, 'testing']),
      },
    ];
  };
  return [
    ...Object.entries(rooms).flatMap(ofRoom),
    {
      ...{ name: `${service}-rooms-only`, severity },
      comment: 'a folder of a service stands in the table of its rooms',
      from: { path: root },
      to: { path: `${root}[^/]+/`, pathNot: `${root}(${Object.keys(rooms).join('|')}|testing)/` },
    },
  ];
});

/** A room of stream-log may import itself, the rooms named, and the package's errors. */
const room = (name, ...rooms) => ({
  name: `stream-log-${name}`,
  comment: 'redis ← encryption ← log ← attempt, follow; redis ← channel ← attempt, follow; registry beside them',
  severity: 'error',
  from: { path: `^packages/stream-log/src/${name}/`, pathNot: '\\.test\\.ts$' },
  to: {
    path: '^packages/stream-log/src/',
    pathNot: `^packages/stream-log/src/(errors\\.ts$|(${[name, ...rooms].join('|')})/)`,
  },
});

module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'api-inner-folders',
      comment: 'what a room keeps in a folder of its own imports none of the files beside that folder',
      severity: 'error',
      from: { path: `${API}([^/]+)/[^/]+/`, pathNot: '\\.test\\.ts$' },
      to: { path: `${API}$1/[^/]+$` },
    },
    {
      name: 'api-settings',
      comment: 'the settings read two formats, which know nothing of the settings',
      severity: 'error',
      from: { path: `${API}settings\\.ts$` },
      to: { path: API, pathNot: `${API}(api-keys|http/host-name)\\.ts$` },
    },
    {
      name: 'api-formats',
      severity: 'error',
      from: { path: `${API}(tokens|api-keys|http/host-name)\\.ts$` },
      to: { path: API },
    },
    {
      name: 'worker-settings',
      severity: 'error',
      from: { path: `${WORKER}(tokens|settings)\\.ts$` },
      to: { path: WORKER },
    },
    ...[
      ['definition'],
      ['models/openai', 'definition'],
      ['models', 'models/openai', 'definition'],
      ['chat', 'models', 'definition'],
    ].map(([folder, ...others]) => ({
      name: `worker-pipelines-${folder.replace('/', '-')}`,
      comment: 'inside the pipelines: definition ← models/openai ← models ← chat ← what registers them',
      severity: 'error',
      from: {
        path: `${WORKER}pipelines/${folder}/`,
        pathNot: `\\.test\\.ts$|/testing/${folder === 'models' ? `|${WORKER}pipelines/models/openai/` : ''}`,
      },
      to: { path: `${WORKER}pipelines/`, pathNot: `${WORKER}pipelines/(${[folder, ...others].join('|')})/` },
    })),
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: { path: '^(packages|services)/[^/]+/src' },
      to: { couldNotResolve: true },
    },
    only('contracts', '^packages/contracts/src', '^packages/contracts/|node_modules/zod/', 'contracts → zod'),
    only(
      'protocols',
      '^packages/protocols/src',
      '^packages/(protocols|contracts)/|node_modules/(zod|fast-json-patch)/',
      'protocols → contracts, zod, fast-json-patch: pure',
    ),
    only(
      'stream-log',
      '^packages/stream-log/src',
      '^packages/(stream-log|contracts)/|node_modules/ioredis/',
      'stream-log → contracts, ioredis',
    ),
    only(
      'threads',
      '^packages/threads/src',
      '^packages/(threads|stream-log|contracts)/|node_modules/(ioredis|pg|@types/pg|@langchain/langgraph-checkpoint|@langchain/langgraph-checkpoint-postgres)/',
      'threads → stream-log, contracts, ioredis, LangGraph’s checkpoint types',
    ),
    only(
      'archive',
      '^packages/archive/src',
      '^packages/(archive|stream-log|contracts)/|node_modules/(pg|@types/pg|@aws-sdk/client-s3)/',
      'archive → stream-log, contracts, pg, the SDK of S3',
    ),
    room('redis'),
    room('encryption', 'redis'),
    room('log', 'redis', 'encryption'),
    room('channel', 'redis'),
    room('attempt', 'redis', 'encryption', 'log', 'channel'),
    room('follow', 'redis', 'encryption', 'log', 'channel'),
    room('registry', 'redis', 'log'),
    room('survey', 'redis', 'channel'),
    only(
      'runtime',
      '^packages/runtime/src',
      '^packages/runtime/|node_modules/(zod|pino|ioredis|prom-client|ipaddr\\.js)/',
      'runtime → zod, pino, ioredis, prom-client, ipaddr.js',
    ),
    only(
      'telemetry',
      '^packages/telemetry/src',
      '^packages/(telemetry|contracts)/|node_modules/(zod|@opentelemetry)/',
      'telemetry → contracts, zod, OpenTelemetry',
    ),
    {
      name: 'opentelemetry-only-in-telemetry',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: '^packages/telemetry/' },
      to: { path: 'node_modules/@opentelemetry/' },
    },
    {
      name: 'opentelemetry-sdk-only-where-it-is-opened',
      comment: 'a service without traces loads the API alone',
      severity: 'error',
      from: { path: '^packages/telemetry/src/', pathNot: '^packages/telemetry/src/sdk/|\\.test\\.ts$' },
      to: { path: 'node_modules/@opentelemetry/', pathNot: 'node_modules/@opentelemetry/api/' },
    },
    only(
      'client',
      '^packages/client/src',
      '^packages/client/|node_modules/(eventsource-parser|react)/',
      'client → no server code',
    ),
    only(
      'client-react',
      '^packages/client/src/(?!react/)',
      '^packages/client/src/(?!react/)|node_modules/eventsource-parser/',
      'only src/react → React',
    ),
    only(
      'cli',
      '^services/cli/src',
      '^services/cli/|^packages/client/|node_modules/(@bomb\\.sh/tab|chokidar|cli-table3|commander|ioredis|markdansi)/',
      'cli → client: it asks the service as anybody does',
    ),
    only(
      'simulated-model',
      '^packages/simulated-model/src',
      '^packages/simulated-model/|node_modules/@copilotkit/aimock/',
      'simulated-model → aimock',
    ),
    {
      name: 'services-apart',
      comment: 'services never import each other',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'no-nest-in-packages',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: 'node_modules/@nestjs/' },
    },
    {
      name: 'langchain-only-in-pipelines',
      severity: 'error',
      from: {
        path: '^(packages|services)/',
        // tests of the protocols read what they write with the clients that are meant to
        pathNot: '^(services/worker/src/pipelines|packages/threads/src/checkpoints)/|\\.test\\.ts$',
      },
      to: { path: 'node_modules/(langchain|@langchain|openai)/' },
    },
    {
      name: 'bullmq-only-in-queue-adapters',
      comment: 'BullMQ is known to the API’s queue adapter and the worker’s queues only',
      severity: 'error',
      from: {
        path: '^(packages|services)/',
        pathNot: '^services/(api/src/jobs/queue|worker/src/(queue|webhooks))/|\\.test\\.ts$',
      },
      to: { path: 'node_modules/(bullmq|@nestjs/bullmq)/' },
    },
    {
      name: 'testing-only-in-tests',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: '^packages/simulated-model/|\\.test\\.ts$|/testing/' },
      to: { path: '^packages/(testing|simulated-model)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(packages|services)/[^/]+/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@millrace/source', 'import', 'node', 'default'],
    },
  },
};
