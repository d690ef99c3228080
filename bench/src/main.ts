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
]);

const DEFAULT_ROUNDS = 5;

const help = `usage: npm run bench -- [benchmark…] [--rounds N]

Runs the benchmarks named, or all there are so far:

${[...benchmarks].map(([name, { about }]) => `  ${name}  ${about}`).join('\n')}

  --rounds N  how often each case is measured, ${DEFAULT_ROUNDS} unless told; the figures are medians
  --help      this text

Each starts what it measures as processes of its own (Redis, the built API and worker, nginx, a simulated model) and
writes its figures to bench/results/.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: String(DEFAULT_ROUNDS) }, help: { type: 'boolean', short: 'h' } },
});

if (values.help === true) console.log(help);
else await run(positionals.length > 0 ? positionals : [...benchmarks.keys()], Number(values.rounds));

async function run(names: readonly string[], rounds: number): Promise<void> {
  const entries = names.map((name) => benchmarks.get(name));
  if (entries.includes(undefined) || !Number.isInteger(rounds) || rounds < 1) {
    console.error(help);
    process.exitCode = 64;
    return;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stop.abort());
  try {
    for (const entry of entries) {
      const benchmark = await entry?.load();
      await benchmark?.({ rounds, signal: stop.signal });
    }
  } catch (error) {
    // stopped on purpose: what was started has been ended on the way here
    if (!stop.signal.aborted) throw error;
    process.exitCode = 130;
  }
}
