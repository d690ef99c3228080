/** Who may import whom. The reasons are in ARCHITECTURE.md; a broken rule fails `npm run check`. */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from, pathNot: '\\.test\\.ts$|/testing/' },
  to: { path: '^(packages|services)/|node_modules/', pathNot: allowed },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: { path: '^(packages|services)/[^/]+/src' },
      to: { couldNotResolve: true },
    },
    only('contracts', '^packages/contracts/src', '^packages/contracts/|node_modules/zod/', 'contracts → zod'),
    only('wire', '^packages/wire/src', '^packages/(wire|contracts)/', 'wire → contracts: pure'),
    only(
      'stream-log',
      '^packages/stream-log/src',
      '^packages/(stream-log|contracts)/|node_modules/ioredis/',
      'stream-log → contracts, ioredis',
    ),
    only(
      'runtime',
      '^packages/runtime/src',
      '^packages/runtime/|node_modules/(zod|pino|ioredis|prom-client)/',
      'runtime → zod, pino, ioredis, prom-client',
    ),
    only(
      'client',
      '^packages/client/src',
      '^packages/client/|node_modules/eventsource-parser/',
      'client → no server code',
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
      from: { path: '^(packages|services)/', pathNot: '^services/worker/src/pipelines/' },
      to: { path: 'node_modules/(langchain|@langchain|openai)/' },
    },
    {
      name: 'bullmq-only-in-queue-adapters',
      comment: 'BullMQ is known to the API’s queue adapter and the worker’s generation adapter only',
      severity: 'error',
      from: {
        path: '^(packages|services)/',
        pathNot: '^services/(api/src/jobs/queue|worker/src/generation)/|\\.test\\.ts$',
      },
      to: { path: 'node_modules/(bullmq|@nestjs/bullmq)/' },
    },
    {
      name: 'testing-only-in-tests',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: '\\.test\\.ts$|/testing/' },
      to: { path: '^packages/testing/' },
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
