/** The command line of the incident day, which `npm run incident-day` starts once everything it needs is there. */
import { parseArgs } from 'node:util';
import { play, type Row } from './day.ts';
import { INCIDENTS } from './incidents.ts';
import { firstCommands } from './runbook.ts';
import { Stage } from './stage.ts';
import { timetableOf } from './timetable.ts';
import { Traffic } from './traffic.ts';

const help = `usage: npm run incident-day -- [--only TEXT] [--times N]

Lets one thing after the other go wrong with the built system (two API nodes, two workers, nginx, Redis) under light traffic, while
a Prometheus looks at it with the rules of infra/observability. For each incident: its alerts must fire and no other, the first
command of each one's section in docs/runbook.md must find the cause, and they must clear once it is gone. Exits with 1 otherwise.

  --only TEXT  incidents whose name has this in it
  --times N    how many times as quick the rules are, 10 unless told: windows, intervals and \`for\` are divided by it
  --help       this text

The incidents: ${INCIDENTS.map(({ name }) => name).join('; ')}.`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    times: { type: 'string', default: '10' },
    help: { type: 'boolean', short: 'h' },
  },
});
const times = Number(values.times);
const chosen = INCIDENTS.filter(({ name }) => name.includes(values.only));

if (values.help === true) {
  console.log(help);
} else if (!(times >= 1) || chosen.length === 0) {
  console.error(help);
  process.exitCode = 64;
} else {
  const stopped = Promise.withResolvers<number>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.resolve(130));
  process.exit(await Promise.race([stopped.promise, playAll()]));
}

/** @returns the exit code */
async function playAll(): Promise<number> {
  await using stage = await Stage.start(times);
  await using traffic = new Traffic(stage);
  await stage.alerts.untilScraped();
  const commands = firstCommands();
  const [rows, faults]: [Row[], string[]] = [[], []];
  for (const incident of chosen) {
    const played = await play(stage, incident, { commands, say: console.log });
    rows.push(...played.rows);
    faults.push(...played.faults);
  }
  console.log(
    `\nrules ${times} times as quick; ${traffic.asked} clients asked, ${traffic.answered} got a whole answer\n`,
  );
  console.log(timetableOf(rows));
  for (const fault of faults) console.log(`\n${fault}`);
  console.log(faults.length === 0 ? '\nall is well' : `\n${faults.length} faults`);
  return faults.length === 0 ? 0 : 1;
}
