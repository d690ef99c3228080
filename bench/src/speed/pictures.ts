import type { Bar, Bars, Panel } from '../pictures/bars-svg.ts';
import type { Curves } from '../pictures/curves-svg.ts';
import { figureOf, type Measured } from './figures.ts';
import { LABELS, labelOf } from './labels.ts';
import { formatFigure } from './report.ts';
import type { SpeedResult } from './result.ts';

/** Of a bare loop there is no reader, and a ceiling has no worker: they are in the tables. */
const PICTURED = ['direct', 'resumable-stream', 'langgraph', 'naive', 'millrace'];

/** What readers of the README see: first token, tokens per second, cost. */
export function comparisonPicture({ measured, machine }: SpeedResult): Bars {
  const panel = (title: string, of: string, figure: string, unit: string): Panel => ({
    title,
    bars: PICTURED.flatMap((peer) => barOf(measured, { of, peer, figures: [figure], unit })),
  });
  return {
    title: 'Millrace beside what a team would use instead',
    subtitle: `the same model and the same load for all, in turns, on ${machine.cores} cores; each behind nginx`,
    legend: [],
    panels: [
      panel('Time to first token at light load, p50: less is better', 'light', 'firstTokenP50Ms', 'ms'),
      panel('One answer, as fast as the model can: more is better', 'single', 'tokensPerSecond', 'tokens/s'),
      panel('200 answers, as fast as the model can: more is better', 'whole', 'tokensPerSecond', 'tokens/s'),
      panel('Bytes on the wire per token: less is better', 'talk', 'bytesPerToken', 'bytes'),
    ],
  };
}

/** Where the processor time of a token goes. */
export function costPicture({ measured }: SpeedResult): Bars {
  const figures = ['appMicros', 'workerMicros', 'relayMicros', 'redisMicros', 'nginxMicros'];
  const panel = (title: string, of: string): Panel => ({
    title,
    // LangGraph's bar would make all others dots
    bars: PICTURED.filter((peer) => peer !== 'langgraph').flatMap((peer) =>
      barOf(measured, { of, peer, figures, unit: 'µs' }),
    ),
  });
  return {
    title: 'Where the processor time of a token goes',
    subtitle: 'microseconds per token, user and system, without the model and the load generator',
    legend: ['app', 'worker', 'relay (API)', 'Redis', 'nginx'],
    panels: [
      panel('200 answers at 50 tokens/s each (naive: 60, which is all it carries)', 'paced'),
      panel('200 answers, as fast as the model can', 'whole'),
    ],
  };
}

/** How cost grows with streams, tokens and readers. */
export function growthPicture({ measured }: SpeedResult): Curves {
  const curve = (of: string, figure: string, texts: { title: string; of: string; over: string }) => ({
    ...texts,
    points: measured
      .filter((each) => each.of === of)
      .map(({ peer, medians }) => ({ x: Number(peer), y: medians[figure] ?? 0 }))
      .filter(({ y }) => y > 0),
  });
  return {
    title: 'How the cost grows',
    subtitle: 'logarithmic scales; the dashed line shows proportional growth',
    curves: [
      curve('growth: streams', 'cpuMsPerSecond', {
        title: 'streams',
        of: 'CPU ms per second, all processes',
        over: 'streams at 1 token/s',
      }),
      curve('growth: tokens', 'wholeMs', {
        title: 'length of an answer',
        of: 'ms, first request to last byte',
        over: 'tokens',
      }),
      curve('growth: readers', 'cpuMs', {
        title: 'readers of one answer',
        of: 'CPU ms of the relay for 50 tokens',
        over: 'readers',
      }),
    ],
  };
}

interface BarFigures {
  readonly of: string;
  readonly peer: string;
  readonly figures: readonly string[];
  readonly unit: string;
}

/** @returns none where it was not measured */
function barOf(measured: readonly Measured[], { of, peer, figures, unit }: BarFigures): Bar[] {
  const parts = figures.map((figure) => figureOf(measured, of, peer, figure));
  if (parts.every((part) => part === undefined) || LABELS[peer] === undefined) return [];
  const known = parts.map((part) => part ?? 0);
  const total = known.reduce((sum, part) => sum + part, 0);
  return [{ label: labelOf(peer), parts: known, value: `${formatFigure(total)} ${unit}`, ours: peer === 'millrace' }];
}
