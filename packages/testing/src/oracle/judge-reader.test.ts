import { describe, expect, it } from '@jest/globals';
import type { SseEvent } from '../http/read-sse.ts';
import { judgeReader, type ReaderRules } from './judge-reader.ts';

const event = (id: string, name: string, data: object = {}): SseEvent => ({ id, event: name, data, at: 0 });
const text = (id: string, words: string) => event(id, 'message', { text: words });

const LOG = [
  event('0-1', 'accepted'),
  event('1-1', 'started'),
  text('1-2', 'a'),
  text('1-3', 'b'),
  event('1-4', 'done'),
];
const LOST = event('0-0', 'reset');

const defects = (events: readonly SseEvent[], rules?: ReaderRules, log = LOG) =>
  judgeReader({ name: 'reader', events }, log, rules).map(({ defect }) => defect);

describe('judgeReader', () => {
  it('compares the final text with what the model generated last', () => {
    expect(defects(LOG, { generated: ['xy', 'ab'] })).toEqual([]);
    expect(defects(LOG, { generated: ['abc'] })).toEqual(['lost']);
    expect(defects(LOG, { generated: ['ab', 'xy'] })).toEqual(['zombie']);
  });

  it('accepts merged texts, of the reader or of the log from the API, as the same history', () => {
    const merged = [...LOG.slice(0, 2), text('1-3', 'ab'), ...LOG.slice(4)];
    expect(defects(merged)).toEqual([]);
    expect(defects(LOG, {}, merged)).toEqual([]);
    expect(defects([...LOG.slice(0, 4), text('1-9', 'c'), ...LOG.slice(4)], {}, merged)).toContain('zombie');
  });

  describe('when Redis has lost the log', () => {
    const before = LOG.slice(0, 3);

    it('counts the loss once, unless the test caused it', () => {
      expect(defects([...before, LOST, ...LOG])).toEqual(['lost']);
      expect(defects([...before, LOST, ...LOG], { logMayBeLost: true, generated: ['ab'] })).toEqual([]);
    });

    it('accepts events that the log no longer has, before a stored reset that tells of the loss', () => {
      const reset = event('2-1', 'reset', { attempt: 2, reason: 'log-lost' });
      const again = [reset, event('2-2', 'started'), text('2-3', 'ab'), event('2-4', 'done')];
      const seen = [...LOG.slice(0, 4), ...again];
      const log = [...LOG.slice(0, 3), ...again];
      expect(defects(seen, { logMayBeLost: true, generated: ['ab'] }, log)).toEqual([]);
      expect(defects(seen, { generated: ['ab'] }, log)).toContain('zombie');
      const handover = event('2-1', 'reset', { attempt: 2, reason: 'handover' });
      const rules = { logMayBeLost: true };
      expect(defects([...LOG.slice(0, 4), handover], rules, [...LOG.slice(0, 3), handover])).toContain('zombie');
      // what comes after the reset must be in the log
      expect(defects([...seen.slice(0, -1), text('2-9', 'z')], rules, log)).toContain('zombie');
    });

    it('judges what readers received before the loss: no end, and text that the model generated', () => {
      expect(defects([...LOG, LOST, ...LOG], { logMayBeLost: true })).toEqual(['double-ended']);
      const other = [...before.slice(0, 2), text('1-2', 'z')];
      expect(defects([...other, LOST, ...LOG], { logMayBeLost: true, generated: ['ab'] })).toEqual(['zombie']);
      expect(defects([...other, LOST, ...LOG], { logMayBeLost: true, generated: ['zy', 'ab'] })).toEqual([]);
    });
  });
});
