import { describeMachine } from '../measure/machine.ts';
import { table } from '../measure/table.ts';
import { FITTED, FOLLOWED, JOBS, PREDICTED } from './cases/loads.ts';
import { figure, memory, traffic, whole } from './command/answer.ts';
import { demandOf, processesOf, readingOf } from './fitted-coefficients.ts';
import { type Coefficients, PARTS, type Part } from './model/coefficients.ts';
import { microsPerEvent, processorMicros, sharedOut } from './model/costs.ts';
import { limitsOf } from './model/limits.ts';
import { planFor } from './model/plan.ts';
import { questionOf } from './model/question.ts';
import { errorOf } from './predictions.ts';
import type { CapacityResult } from './result.ts';

const NAMES: Readonly<Record<Part, string>> = { worker: 'worker', api: 'API', redis: 'Redis', nginx: 'nginx' };

/** The coefficients, with what each means, in Markdown. */
export function coefficientTables({ coefficients, machine, rounds }: CapacityResult): string {
  return [
    `Medians of up to ${rounds} rounds. Measured on ${describeMachine(machine)}.`,
    processorTable(coefficients),
    bytesTable(coefficients),
  ].join('\n\n');
}

/** Every load beside what the model says of it, in Markdown. */
export function fittedTable(result: CapacityResult): string {
  const read = readingOf(result.measured);
  const { processor } = result.coefficients;
  const points = [
    ...FITTED.map((point) => ({ point, use: 'fitted' })),
    ...PREDICTED.map((point) => ({ point, use: 'predicted' })),
    { point: JOBS, use: 'job' },
    { point: FOLLOWED, use: 'follower' },
  ];
  const rows = points.map(({ point, use }) => {
    const { of } = point;
    const rate = read(of, 'tokensPerSecond');
    const demand = demandOf(read, of);
    return [
      `${point.streams} at ${point.rate}/s${point.isFollowed ? ', followed twice' : ''}`,
      use,
      whole(rate),
      demand.jobsPerSecond === 0 ? '–' : whole(demand.jobsPerSecond),
      ...PARTS.map((part) => {
        const processes = processesOf(read, part, of);
        const modelled = processes * processorMicros(processor[part], sharedOut(demand, processes));
        return `${figure(read(of, `${part}Micros`) / 1e3)} (${figure(modelled / 1e3)})`;
      }),
      figure(demand.eventsPerSecond / rate),
    ];
  });
  return [
    '**CPU, ms per second, and what the model says of it**',
    '',
    table(['streams', 'used for', 'tokens/s', 'jobs/s', ...PARTS.map((part) => NAMES[part]), 'events per token'], rows),
  ].join('\n');
}

/** What was predicted, and how far that is off, in Markdown. */
export function errorTable({ predictions }: CapacityResult): string {
  const rows = predictions.map((each) => [
    each.size,
    each.figure,
    figure(each.measured),
    figure(each.predicted),
    `${(errorOf(each) * 100).toFixed(0)} %`.replace('-0 %', '0 %'),
  ]);
  const errors = predictions.map((each) => Math.abs(errorOf(each))).sort((one, other) => one - other);
  const within = errors.filter((error) => error <= 0.15).length;
  const percent = (error: number | undefined) => `${Math.round((error ?? 0) * 100)} %`;
  return [
    table(['size', 'figure', 'measured', 'predicted', 'error'], rows),
    '',
    `${within} of ${errors.length} are within 15 %; half of them within ${percent(errors[Math.floor(errors.length / 2)])}; the largest error is ${percent(errors.at(-1))}.`,
  ].join('\n');
}

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const RATE = 20;
const HOUR = 3_600;
const DAY = 86_400;

/** The model carried to sizes that no one machine can measure, in Markdown. */
export function sizesTables({ coefficients }: CapacityResult): string {
  const asked = (streams: number, retention: number) => questionOf({ streams, rate: RATE, retention });
  const plans = SIZES.map((streams) => planFor(coefficients, asked(streams, HOUR)));
  const rows = plans.map(({ question, parts, shards, tokensPerSecond, memoryBytes, cores }) => [
    whole(question.streams),
    whole(tokensPerSecond),
    whole(question.jobsPerSecond),
    whole(shards.byProcessor),
    whole(parts.worker.processes),
    whole(parts.api.processes),
    whole(parts.nginx.processes),
    whole(cores),
    memory(memoryBytes - parts.redis.memoryBytes),
    traffic(parts.redis.inBytesPerSecond),
    traffic(parts.redis.outBytesPerSecond),
    traffic(parts.nginx.outBytesPerSecond),
  ]);
  const kept = SIZES.map((streams, at) => {
    const forDay = planFor(coefficients, asked(streams, DAY));
    const forHour = plans[at] ?? forDay;
    return [
      whole(streams),
      memory(forHour.redisMemory.openBytes),
      memory(forHour.redisMemory.endedBytes),
      whole(forHour.shards.needed),
      memory(forDay.redisMemory.endedBytes),
      whole(forDay.shards.needed),
      forHour.shards.byMemory > forHour.shards.byProcessor ? 'memory' : 'core',
      forDay.shards.byMemory > forDay.shards.byProcessor ? 'memory' : 'core',
    ];
  });
  const limits = limitsOf(coefficients, asked(SIZES[0] ?? 1, HOUR)).map(({ what, streams, next }) => [
    what,
    whole(streams),
    next,
  ]);
  return [
    `**${RATE} tokens/s each, answers of 500 tokens without a pause between them, kept for an hour, 60 % of each core**`,
    table(
      [
        ...['streams', 'tokens/s', 'jobs/s', 'Redis, by its core', 'workers', 'API nodes', 'nginx processes', 'cores'],
        ...['memory without Redis', 'to Redis', 'from Redis', 'to readers'],
      ],
      rows,
    ),
    '**What Redis holds, and how many shards it takes of 64 GiB each**',
    table(
      [
        ...['streams', 'open jobs', 'ended, an hour', 'shards', 'ended, a day', 'shards'],
        ...['what decides: an hour', 'a day'],
      ],
      kept,
    ),
    '**What is full first with one of each, kept for an hour**',
    table(['', 'streams', 'then'], limits),
  ].join('\n\n');
}

function processorTable({ processor, follower }: Coefficients): string {
  const cell = (micros: number) => (micros === 0 ? '–' : figure(micros));
  const row = (name: string, of: (part: Part) => number) => [name, ...PARTS.map((part) => cell(of(part)))];
  return [
    '**Processor time of one process, µs**',
    '',
    table(
      ['', ...PARTS.map((part) => NAMES[part])],
      [
        row('idle: a second without a job', (part) => processor[part].idle),
        row('stream: a second of an open stream on which nothing is said', (part) => processor[part].stream),
        row('job: one from its POST to its end, without its tokens', (part) => processor[part].job),
        row('event: one of tokens that comes alone', (part) => processor[part].event),
        row('shared: how much of it events share that come more often', (part) => processor[part].shared),
        row('so an event costs, at 1,000/s', (part) => microsPerEvent(processor[part], 1_000)),
        row('at 10,000/s', (part) => microsPerEvent(processor[part], 10_000)),
        row('follower: an event for each further API process that follows the job', (part) =>
          part === 'redis' ? follower : 0,
        ),
      ],
    ),
  ].join('\n');
}

function bytesTable({ memory: processes, kept, wire, followerBytes, redisConnections }: Coefficients): string {
  const bytes = (value: number) => (value === 0 ? '–' : figure(value));
  const rows = [
    ...(['worker', 'api', 'nginx'] as const).flatMap((part) => [
      [`memory of a busy ${NAMES[part]} process`, memory(processes[part].base)],
      ['memory of each open stream in it, KiB', figure(processes[part].stream / 1_024)],
    ]),
    ['Redis: an empty service', memory(kept.base)],
    ['Redis: an open job that has said nothing, with 4 KiB of its log, bytes', bytes(kept.openJob)],
    ['Redis: an ended job, with the last 4 KiB of its log, bytes', bytes(kept.endedJob)],
    ['Redis: an event of one token in a full node of the log, bytes', bytes(kept.event)],
    ...(
      [
        ['to Redis', wire.toRedis],
        ['from Redis', wire.fromRedis],
        ['to a reader', wire.toReader],
      ] as const
    ).flatMap(([name, { idle, stream, job, event }]) => [
      [`${name}: an event of one token, bytes`, bytes(event)],
      [`${name}: a job without its tokens, bytes`, bytes(job)],
      [`${name}: a second of a silent stream, bytes`, bytes(stream)],
      [`${name}: a second without a job, bytes`, bytes(idle)],
    ]),
    ['from Redis: an event for each further API process, bytes', bytes(followerBytes)],
    ['connections to Redis of a worker, of an API node', `${redisConnections.worker}, ${redisConnections.api}`],
  ];
  return ['**Memory and network**', '', table(['', ''], rows)].join('\n');
}
