import { isTerminal } from '@millrace/contracts';
import { mergeDeltas } from '../merge-deltas.ts';
import type { EncodableBatch, Encoded } from '../stream-format.ts';
import { sseFrame } from './frame.ts';

/** @param prefix stands before the id of each event; has no CR, LF or NUL
 *  @throws UnframableEvent */
export function encodeFrames({ events, replay }: EncodableBatch, prefix = ''): Encoded {
  let text = '';
  for (const event of replay ? mergeDeltas(events) : events) text += sseFrame(event, prefix);
  const last = events.at(-1);
  return {
    bytes: text === '' ? null : Buffer.from(text),
    outcome: last !== undefined && isTerminal(last.type) ? 'end' : 'continue',
  };
}
