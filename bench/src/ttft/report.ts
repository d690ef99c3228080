import { describeMachine, type Machine } from '../measure/machine.ts';
import { formatMs, table } from '../measure/table.ts';
import type { Marks } from './reading.ts';
import type { ANSWER } from './simulated-answer.ts';
import type { Timeline } from './timeline-svg.ts';

/** What was measured of one case. */
interface CaseResult {
  readonly id: string;
  readonly label: string;
  readonly pictured: boolean;
  readonly medians: Marks;
  /** round by round */
  readonly samples: readonly Marks[];
}

/** A whole run, as `bench/results/ttft.json` keeps it. Times are milliseconds since the client began its request. */
export interface TtftResult {
  readonly benchmark: 'ttft';
  /** the day, ISO 8601 */
  readonly measuredOn: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly model: typeof ANSWER;
  readonly cases: readonly CaseResult[];
}

/** The figures as a table with what a reader must know about them, in Markdown. */
export function ttftReport({ machine, rounds, model, cases }: TtftResult): string {
  const rows = cases.map(({ label, medians: { headersMs, firstByteMs, firstTokenMs, endMs } }) => [
    label,
    ...[headersMs, firstByteMs, firstTokenMs, endMs].map(formatMs),
  ]);
  return [
    `Milliseconds since the client began its request; medians of ${rounds} rounds.`,
    `The model says its first token after ${formatMs(model.firstTokenMs)} ms and its last, the ${model.tokenCount}th, after ${formatMs(model.lastTokenMs)} ms.`,
    `Measured on ${describeMachine(machine)}.`,
    '',
    table(['case', 'headers', 'first byte', 'first token', 'whole answer'], rows),
    '',
    ...whatTheFirstByteSays(cases.at(-1)),
  ].join('\n');
}

/** The picture of the same figures. */
export function ttftTimeline({ model, cases }: TtftResult): Timeline {
  return {
    title: 'What a client has received of one answer, and when',
    subtitle: `the model says its first token after ${formatMs(model.firstTokenMs)} ms and its last after ${formatMs(model.lastTokenMs)} ms`,
    rows: cases.filter(({ pictured }) => pictured).map(({ label, medians }) => ({ label, marks: medians })),
  };
}

function whatTheFirstByteSays(streaming: CaseResult | undefined): string[] {
  if (streaming === undefined) return [];
  const { firstByteMs, firstTokenMs } = streaming.medians;
  return [
    `In the last row the first byte comes after ${formatMs(firstByteMs)} ms and says nothing: it is a \`retry:\` hint and the event`,
    `\`accepted\`. The first token comes after ${formatMs(firstTokenMs)} ms, when the model says it. The time to the first byte`,
    'only shows how fast headers are flushed; a reader waits for the first token.',
  ];
}
