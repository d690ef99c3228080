/** The command line of the benchmarks that `npm run bench` starts, once all that they need is there. */
import { parseArgs } from 'node:util';
import type { BenchmarkEntry } from './benchmark.ts';

const benchmarks: ReadonlyMap<string, BenchmarkEntry> = new Map([
  [
    'ttft',
    {
      about: 'time to first token: no streaming, streaming through a proxy that buffers, streaming as Millrace does it',
      load: async () => (await import('./ttft/ttft.ts')).measureTtft,
    },
  ],
  [
    'speed',
    {
      about: 'speed and cost per token, beside what a team would use instead of Millrace',
      load: async () => (await import('./speed/speed.ts')).measureSpeed,
    },
  ],
  [
    'agents',
    {
      about: 'agents and threads, beside the same graph alone and beside other servers that run it',
      load: async () => (await import('./agents/agents.ts')).measureAgents,
    },
  ],
  [
    'protocols',
    {
      about: 'what the other protocols cost beside the native one',
      load: async () => (await import('./protocols/protocols.ts')).measureProtocols,
    },
  ],
  [
    'access',
    {
      about: 'what JSON Web Tokens cost, beside no credentials',
      load: async () => (await import('./access/access.ts')).measureAccess,
    },
  ],
  [
    'appends',
    {
      about: 'what a lone token costs in Redis, with appends that share writes, beside each by itself',
      load: async () => (await import('./appends/appends.ts')).measureAppends,
    },
  ],
  [
    'encryption',
    {
      about: 'what encryption at rest costs, beside none',
      load: async () => (await import('./encryption/encryption.ts')).measureEncryption,
    },
  ],
  [
    'tracing',
    {
      about: 'what traces cost, one in a hundred, beside none',
      load: async () => (await import('./tracing/tracing.ts')).measureTracing,
    },
  ],
  [
    'capacity',
    {
      about: 'what streams, tokens and jobs cost at several sizes: the coefficients of `npm run capacity`',
      load: async () => (await import('./capacity/capacity.ts')).measureCapacity,
    },
  ],
  [
    'profile',
    {
      about: 'who has the time of a token, a job and a resumed event, and the memory of an idle stream',
      load: async () => (await import('./profile/profile.ts')).measureProfile,
    },
  ],
  [
    'versions',
    {
      about: 'what a token and a job cost, beside another version',
      onlyNamed: true,
      load: async () => (await import('./versions/versions.ts')).measureVersions,
    },
  ],
]);

const DEFAULT_ROUNDS = 3;

const help = `usage: npm run bench -- [benchmark…] [--rounds N]

Runs the benchmarks named, or all but \`versions\`:

${[...benchmarks].map(([name, { about }]) => `  ${name}  ${about}`).join('\n')}

  --rounds N  how often each case is measured, ${DEFAULT_ROUNDS} unless told; the figures are medians
  --quick     one round
  --only A,B  of the benchmark \`speed\`, these figures alone (light, single, crowd, …): the others are kept as they were;
              or these peers, which keeps nothing; of \`agents\`, these figures or peers; of \`protocols\`,
              \`encoder\` or \`watched\`, of \`appends\` these numbers of answers, of \`profile\` \`token\`, \`job\`, \`event\` or \`idle\`:
              they keep nothing; of \`capacity\`, these measurements
              (kept, 200x20, jobs, silent, …): the others are kept as they were, and the model is fitted again
  --against F of \`versions\`, which needs it: the folder of the other version, where it is built
  --help      this text

Each starts what it measures as processes of its own (Redis, the built API and worker, nginx, a simulated model) and
writes its figures to bench/results/.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: String(DEFAULT_ROUNDS) },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    against: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});

if (values.help === true) console.log(help);
else await run(positionals.length > 0 ? positionals : unnamed(), values.quick ? 1 : Number(values.rounds));

/** What runs when nothing is named. */
function unnamed(): string[] {
  return [...benchmarks].flatMap(([name, { onlyNamed }]) => (onlyNamed ? [] : [name]));
}

async function run(names: readonly string[], rounds: number): Promise<void> {
  const entries = names.map((name) => benchmarks.get(name));
  const isToCompare = names.includes('versions');
  if (
    entries.includes(undefined) ||
    !Number.isInteger(rounds) ||
    rounds < 1 ||
    isToCompare !== (values.against !== undefined)
  ) {
    console.error(help);
    process.exitCode = 64;
    return;
  }
  const only = values.only.split(',').filter((name) => name !== '');
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stop.abort());
  try {
    for (const entry of entries) {
      const benchmark = await entry?.load();
      await benchmark?.({ rounds, only, against: values.against, signal: stop.signal });
    }
  } catch (error) {
    // stopped on purpose: what was started has been ended on the way here
    if (!stop.signal.aborted) throw error;
    process.exitCode = 130;
  }
}
