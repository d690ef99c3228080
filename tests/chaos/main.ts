/** The command line of the chaos run, which `npm run chaos` starts once everything it needs is there. */
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.ts';

const help = `usage: npm run chaos -- [--minutes N] [--seed N]

Runs the built system (two API nodes, two workers, nginx, Redis) under a mixed load of answers, agents and threads while one
fault after the other strikes, then judges what every client and every follower of a thread has seen, and what every thread
holds. Exits with 1 when something was lost, repeated or reordered, hung, ended twice, came from an attempt that had been
replaced, or ran beside another job of its thread, and shows the first job and the first thread to which that happened.

  --minutes N  how long faults strike, 5 unless told; a while more for the last jobs to end
  --seed N     of all choices, any unless told; the same seed and minutes choose the same again
  --help       this text`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    help: { type: 'boolean', short: 'h' },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];

if (values.help === true) {
  console.log(help);
} else if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error(help);
  process.exitCode = 64;
} else {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const code = await runChaos({ minutes, seed, signal: stop.signal }).then(
    (well) => (well ? 0 : 1),
    (error: unknown) => {
      if (!stop.signal.aborted) console.error(error, `\nseed ${seed}, ${minutes} min`);
      return stop.signal.aborted ? 130 : 1;
    },
  );
  // requests of hung jobs would keep the process alive
  process.exit(code);
}
