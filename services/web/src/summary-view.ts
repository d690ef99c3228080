import type { JobEventData } from '@millrace/client';
import { element } from './dom.ts';
import { duration } from './wording.ts';

/** What the answer took: a bar of queue, wait for the first token, and stream, and the figures below it. */
export function summaryView({ usage, timings, finishReason }: JobEventData['done']): HTMLElement {
  const { queueMs, firstTokenMs, totalMs } = timings;
  const firstMs = firstTokenMs ?? totalMs;
  const figures = element('dl', 'figures');
  const figure = (kind: string, name: string, value: string) =>
    figures.append(element('div', kind, element('dt', '', name), element('dd', '', value)));
  figure('queue', 'Queue', duration(queueMs));
  if (firstTokenMs !== null) figure('first', 'First token', duration(firstTokenMs));
  figure('stream', 'Total', duration(totalMs));
  figure('', 'Tokens', `${usage.inputTokens} in, ${usage.outputTokens} out`);
  if (finishReason === 'length') figure('', 'Cut short', 'token limit reached');
  return element('div', 'summary', timeBar([queueMs, firstMs - queueMs, totalMs - firstMs]), figures);
}

function timeBar(partsMs: readonly [queue: number, first: number, stream: number]): HTMLElement {
  const bar = element('div', 'time-bar');
  // the figures below say the same in words
  bar.ariaHidden = 'true';
  for (const [index, kind] of ['queue', 'first', 'stream'].entries()) {
    const part = element('span', kind);
    part.style.flexGrow = String(Math.max(0, partsMs[index] ?? 0));
    bar.append(part);
  }
  return bar;
}
