/** `npm run docs:autoscaling`: draws docs/images/autoscaling.svg, what KEDA and the autoscaler would do while load rises and falls. */
import { writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { courseSvg } from '../../bench/src/pictures/course-svg.ts';
import { inProject } from '../../scripts/setup/project.mjs';
import { ScaledSystem, SLOTS } from '../e2e/scaled-system.ts';
import { Autoscaler, wantedBy } from './autoscaler.ts';

/** How much quicker than a cluster: the autoscaler looks every 15 s there, and every second here. */
const TIMES = 15;
const SECONDS = 240;

/** From which second on how many jobs are open. */
const LOAD = [
  { from: 0, jobs: 3 },
  { from: 12, jobs: 8 },
  { from: 24, jobs: 16 },
  { from: 36, jobs: 28 },
  { from: 48, jobs: 40 },
  { from: 96, jobs: 20 },
  { from: 108, jobs: 6 },
  { from: 120, jobs: 0 },
];

interface Look {
  readonly minutes: number;
  readonly open: number;
  readonly wanted: number;
  readonly asked: number;
}

await using scaled = await ScaledSystem.start();
const autoscaler = new Autoscaler(scaled.scaling);
const looks: Look[] = [];
let jobs = 0;
const beginning = performance.now();
for (let second = 0; second <= SECONDS; second += 1) {
  await setTimeout(Math.max(0, beginning + second * 1_000 - performance.now()));
  const load = LOAD.findLast(({ from }) => from <= second)?.jobs ?? 0;
  if (load !== jobs) await scaled.reach(load);
  jobs = load;
  // what the machine was late for is late in the picture, too
  const at = ((performance.now() - beginning) / 1_000) * TIMES;
  const [value, { queued = 0, active = 0 }] = await Promise.all([scaled.asked(), scaled.openJobs()]);
  const asked = autoscaler.next(value, at);
  // nothing has been scraped yet
  if (value === null) continue;
  looks.push({ minutes: at / 60, open: queued + active, wanted: wantedBy(value, scaled.scaling), asked });
  console.log(
    `${Math.round(at)} s: ${queued} queued, ${active} active, ${looks.at(-1)?.wanted} wanted, ${asked} asked for`,
  );
}
const line = (name: string, of: (look: Look) => number) => ({ name, values: looks.map(of) });
const picture = courseSvg({
  title: 'Workers asked for while load rises and falls',
  subtitle: `an hour of a cluster, played ${TIMES} times as quickly; a worker has ${SLOTS} slots`,
  over: 'minutes',
  times: looks.map(({ minutes }) => minutes),
  frames: [
    {
      title: 'jobs',
      lines: [
        line('queued and active', ({ open }) => open),
        line('slots of the workers asked for', ({ asked }) => asked * SLOTS),
      ],
    },
    {
      title: 'workers',
      lines: [line('wanted by the query', ({ wanted }) => wanted), line('asked for', ({ asked }) => asked)],
    },
  ],
});
await writeFile(inProject('docs/images/autoscaling.svg'), picture);
