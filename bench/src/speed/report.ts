import { describeMachine } from '../measure/machine.ts';
import { table } from '../measure/table.ts';
import { figureOf, type Measured } from './figures.ts';
import { LABELS, labelOf } from './labels.ts';
import type { SpeedResult } from './result.ts';
import { TARGETS, type Verdict, verdicts } from './targets.ts';

interface Column {
  readonly head: string;
  /** a figure's name, or how it comes out of several */
  readonly figure: string;
}

interface PeerTable {
  readonly of: string;
  readonly title: string;
  readonly columns: readonly Column[];
}

const CPU: readonly Column[] = [
  { head: 'app µs', figure: 'appMicros' },
  { head: 'worker µs', figure: 'workerMicros' },
  { head: 'relay µs', figure: 'relayMicros' },
  { head: 'Redis µs', figure: 'redisMicros' },
  { head: 'nginx µs', figure: 'nginxMicros' },
];
const DELAY: readonly Column[] = [
  { head: 'delay p50 ms', figure: 'delayP50Ms' },
  { head: 'p95', figure: 'delayP95Ms' },
  { head: 'p99', figure: 'delayP99Ms' },
];
const HARNESS: readonly Column[] = [
  { head: 'model µs', figure: 'modelMicros' },
  { head: 'generator µs', figure: 'generatorMicros' },
];
const RATE: Column = { head: 'tokens/s', figure: 'tokensPerSecond' };
const SCRIPTS: Column = { head: 'scripts per 1,000', figure: 'scriptsPer1000Tokens' };

const TABLES: readonly PeerTable[] = [
  {
    of: 'light',
    title: 'First token at light load: one short answer after the other',
    columns: [
      { head: 'first token p50 ms', figure: 'firstTokenP50Ms' },
      { head: 'p99', figure: 'firstTokenP99Ms' },
      { head: 'whole p50 ms', figure: 'wholeP50Ms' },
    ],
  },
  { of: 'single', title: 'One answer, as fast as the model can', columns: [RATE, ...CPU] },
  { of: 'whole', title: '200 answers, as fast as the model can', columns: [RATE, ...CPU, SCRIPTS, ...HARNESS] },
  {
    of: 'paced',
    title: '200 answers at 50 tokens/s each (nothing merges; naive: 60 answers, LangGraph: 10 at 20/s)',
    columns: [RATE, ...DELAY, ...CPU, SCRIPTS, ...HARNESS],
  },
  {
    of: 'crowd',
    title: '1,000 answers at 5 tokens/s each; delay since the model wrote the token',
    columns: [RATE, ...DELAY, ...CPU, ...HARNESS],
  },
  {
    of: 'talk',
    title: '10 answers at 50 tokens/s: bytes on the wire',
    columns: [{ head: 'bytes per token', figure: 'bytesPerToken' }],
  },
  {
    of: 'fan-out',
    title: 'One answer to 1,000 readers, without nginx',
    columns: [{ head: 'CPU per event and reader µs', figure: 'microsPerEventAndReader' }, ...DELAY],
  },
  {
    of: 'resume',
    title: 'Resume of a 10,000-token answer: ms from request to last byte, by the share that was missed',
    columns: [
      { head: 'events in the log', figure: 'events' },
      { head: 'all', figure: 'wholeMs' },
      { head: 'half', figure: 'halfMs' },
      { head: 'a tenth', figure: 'tenthMs' },
      { head: 'a hundredth', figure: 'hundredthMs' },
    ],
  },
  {
    of: 'tiny',
    title: 'Tiny answers (3 tokens), 100 at a time',
    columns: [
      { head: 'jobs/s', figure: 'jobsPerSecond' },
      { head: 'worker µs per job', figure: 'workerMicros' },
      { head: 'relay µs', figure: 'relayMicros' },
      { head: 'Redis µs', figure: 'redisMicros' },
      { head: 'nginx µs', figure: 'nginxMicros' },
    ],
  },
  {
    of: 'cold',
    title: 'First token of processes that have just become ready, one answer after the other: ms',
    columns: [
      { head: 'the very first', figure: 'veryFirstMs' },
      { head: 'p50 of the first ten', figure: 'firstP50Ms' },
      { head: 'p50 after 1,000', figure: 'warmP50Ms' },
    ],
  },
];

/** The figures peer beside peer, in Markdown. */
export function speedTables(result: SpeedResult): string {
  return [...TABLES.map((each) => peersReport(each, result.measured)), failuresReport(result)]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Every target with what was measured, in Markdown.
 *  @param before an earlier run, for a column beside */
export function targetsTable({ machine, measured }: SpeedResult, before: SpeedResult | null = null): string {
  const rounds = Math.max(0, ...measured.map(({ samples }) => samples.length));
  const earlier = before === null ? [] : verdicts(TARGETS, before.measured);
  const rows = verdicts(TARGETS, measured).map((each, nth) => [
    ...[each.target.figure, measuredOf(each)],
    ...earlier.slice(nth, nth + 1).map(measuredOf),
    ...[limitOf(each), each.verdict],
  ]);
  const beside = before === null ? [] : [`on ${before.measuredOn}`];
  return [
    `Medians of up to ${rounds} rounds. Measured on ${describeMachine(machine)}.`,
    '',
    table(['figure', 'measured', ...beside, 'target', ''], rows),
  ].join('\n');
}

function peersReport({ of, title, columns }: PeerTable, measured: readonly Measured[]): string {
  const there = measured.filter((each) => each.of === of).map(({ peer }) => peer);
  const named = Object.keys(LABELS).filter((peer) => there.includes(peer));
  const peers = [...named, ...there.filter((peer) => !named.includes(peer))];
  if (peers.length === 0) return '';
  const rows = peers.map((peer) => [
    labelOf(peer),
    ...columns.map(({ figure }) => formatFigure(figureOf(measured, of, peer, figure))),
  ]);
  return [`**${title}**`, '', table(['', ...columns.map(({ head }) => head)], rows)].join('\n');
}

function failuresReport({ failures }: SpeedResult): string {
  if (failures.length === 0) return '';
  return [
    '**Failed**',
    '',
    ...failures.map(({ of, peer, reason }) => `- ${of}, ${labelOf(peer)}: ${firstLine(reason)}`),
  ].join('\n');
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

function measuredOf({ value, target }: Verdict): string {
  return value === undefined ? '–' : `${formatFigure(value)} ${target.unit}`.trim();
}

function limitOf({ limit, target }: Verdict): string {
  const isRelative = /[a-zA-Z]/.test(target.target);
  return isRelative && limit !== undefined ? `${target.target} (${formatFigure(limit)})` : target.target;
}

/** Three figures or more, a dash where there is nothing to say. */
export function formatFigure(value: number | undefined): string {
  if (value === undefined || value === 0) return '–';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-GB', { maximumFractionDigits: digits });
}
