import { figureOf, type Measured } from './figures.ts';

/** What a figure is to be. */
export interface Target {
  readonly figure: string;
  readonly unit: string;
  readonly better: 'less' | 'more';
  /** the limit in words */
  readonly target: string;
  /** what was measured, and the limit in the same unit; undefined where something of it was not measured */
  readonly value: (of: Lookup) => number | undefined;
  readonly limit: (of: Lookup) => number | undefined;
}

/** The median of a figure. */
type Lookup = (of: string, peer: string, name: string) => number | undefined;

/** A target with its figure. */
export interface Verdict {
  readonly target: Target;
  readonly value: number | undefined;
  readonly limit: number | undefined;
  /** `met`, `missed 1.4×`: how far the figure is from its limit, or `not measured` */
  readonly verdict: string;
}

/** How a run stands against its targets. */
export function verdicts(targets: readonly Target[], measured: readonly Measured[]): Verdict[] {
  const lookup: Lookup = (of, peer, name) => figureOf(measured, of, peer, name);
  return targets.map((target) => {
    const value = target.value(lookup);
    const limit = target.limit(lookup);
    return { target, value, limit, verdict: verdictOn(target.better, value, limit) };
  });
}

function verdictOn(better: Target['better'], value: number | undefined, limit: number | undefined): string {
  if (value === undefined || limit === undefined) return 'not measured';
  if (better === 'less' ? value <= limit : value >= limit) return 'met';
  const factor = better === 'less' ? value / limit : limit / value;
  return `missed ${factor.toFixed(factor < 10 ? 2 : 0)}×`;
}

const at = (limit: number) => () => limit;
const of =
  (measured: string, name: string, peer = 'millrace'): Target['value'] =>
  (lookup) =>
    lookup(measured, peer, name);
const times =
  (factor: number, value: Target['value']): Target['value'] =>
  (lookup) =>
    combined(value(lookup), factor, (a, b) => a * b);
const minus =
  (from: Target['value'], what: Target['value']): Target['value'] =>
  (lookup) =>
    combined(from(lookup), what(lookup), (a, b) => a - b);

function combined(a: number | undefined, b: number | undefined, by: (a: number, b: number) => number) {
  return a === undefined || b === undefined ? undefined : by(a, b);
}

const less = { better: 'less' } as const;
const more = { better: 'more' } as const;

/** Where Millrace is to stand, in the order of the table. */
export const TARGETS: readonly Target[] = [
  {
    ...less,
    figure: 'time to first token beyond direct, p50, light load',
    unit: 'ms',
    target: '≤ 4',
    value: minus(of('light', 'firstTokenP50Ms'), of('light', 'firstTokenP50Ms', 'direct')),
    limit: at(4),
  },
  {
    ...less,
    figure: 'the same, p99',
    unit: 'ms',
    target: '≤ 15',
    value: minus(of('light', 'firstTokenP99Ms'), of('light', 'firstTokenP99Ms', 'direct')),
    limit: at(15),
  },
  {
    ...less,
    figure: 'time to first token, p50',
    unit: 'ms',
    target: '≤ 1/10 LangGraph',
    value: of('light', 'firstTokenP50Ms'),
    limit: times(0.1, of('light', 'firstTokenP50Ms', 'langgraph')),
  },
  {
    ...less,
    figure: 'the same, the first ten answers of a fresh node',
    unit: 'ms',
    target: '≤ 2 × a warm one',
    value: of('cold', 'firstP50Ms'),
    limit: times(2, of('cold', 'warmP50Ms')),
  },
  ...delays(),
  {
    ...less,
    figure: 'delay per token, model to reader, the same load: p50',
    unit: 'ms',
    target: '≤ 1.5 × direct',
    value: of('crowd', 'delayP50Ms'),
    limit: times(1.5, of('crowd', 'delayP50Ms', 'direct')),
  },
  ...singleStream(),
  {
    ...more,
    figure: 'tokens/s of the whole, 200 streams',
    unit: 'tokens/s',
    target: '≥ direct',
    value: of('whole', 'tokensPerSecond'),
    limit: of('whole', 'tokensPerSecond', 'direct'),
  },
  {
    ...less,
    figure: 'CPU per token, 200 streams at 50/s: worker',
    unit: 'µs',
    target: '≤ 35',
    value: of('paced', 'workerMicros'),
    limit: at(35),
  },
  { ...less, figure: 'the same: relay', unit: 'µs', target: '≤ 15', value: of('paced', 'relayMicros'), limit: at(15) },
  { ...less, figure: 'the same: Redis', unit: 'µs', target: '≤ 15', value: of('paced', 'redisMicros'), limit: at(15) },
  {
    ...less,
    figure: 'CPU per token of the worker beyond a bare ChatOpenAI loop, as fast as the model can',
    unit: 'µs',
    target: '≤ 5',
    value: minus(of('whole', 'workerMicros'), of('whole', 'appMicros', 'bare-langchain')),
    limit: at(5),
  },
  {
    ...less,
    figure: 'CPU per event and reader, 1 job to 1,000 readers: relay',
    unit: 'µs',
    target: '≤ nchan',
    value: of('fan-out', 'microsPerEventAndReader'),
    limit: of('fan-out', 'microsPerEventAndReader', 'nchan'),
  },
  {
    ...less,
    figure: 'memory per idle stream: API',
    unit: 'KiB',
    target: '≤ 12',
    value: of('idle', 'apiKiB'),
    limit: at(12),
  },
  { ...less, figure: 'the same: nginx', unit: 'KiB', target: '≤ 16', value: of('idle', 'nginxKiB'), limit: at(16) },
  {
    ...less,
    figure: 'bytes on the wire per token, light load',
    unit: 'bytes',
    target: '≤ 50',
    value: of('talk', 'bytesPerToken'),
    limit: at(50),
  },
  {
    ...less,
    figure: 'resume of a 10,000-token answer, request to last byte',
    unit: 'ms',
    target: '≤ 15',
    value: of('resume', 'wholeMs', 'millrace, one event per token'),
    limit: at(15),
  },
  {
    ...less,
    figure: 'scripts to Redis per 1,000 tokens under load',
    unit: '',
    target: '≤ 250',
    value: of('whole', 'scriptsPer1000Tokens'),
    limit: at(250),
  },
  {
    ...more,
    figure: 'jobs/s, tiny answers',
    unit: 'jobs/s',
    target: '≥ 1,500',
    value: of('tiny', 'jobsPerSecond'),
    limit: at(1_500),
  },
  {
    ...more,
    figure: 'the same, beside BullMQ alone',
    unit: 'jobs/s',
    target: '≥ 0.5 × BullMQ',
    value: of('tiny', 'jobsPerSecond'),
    limit: times(0.5, of('tiny', 'jobsPerSecond', 'bullmq')),
  },
];

function delays(): Target[] {
  const limits = [
    ['P50', 1],
    ['P95', 5],
    ['P99', 15],
  ] as const;
  return limits.map(([percentile, limit]) => ({
    ...less,
    figure: `delay per token, worker to reader, 1,000 streams, 5,000 tokens/s: ${percentile.toLowerCase()}`,
    unit: 'ms',
    target: `≤ ${limit}`,
    value: of('crowd', `delay${percentile}Ms`, 'millrace-worker'),
    limit: at(limit),
  }));
}

function singleStream(): Target[] {
  const others = [
    ['langgraph', 10, '10 × LangGraph'],
    ['resumable-stream', 3, '3 × resumable-stream'],
    ['direct', 0.9, '0.9 × direct'],
  ] as const;
  return others.map(([peer, factor, words]) => ({
    ...more,
    figure: 'tokens/s of one stream, as fast as the model can',
    unit: 'tokens/s',
    target: `≥ ${words}`,
    value: of('single', 'tokensPerSecond'),
    limit: times(factor, of('single', 'tokensPerSecond', peer)),
  }));
}
