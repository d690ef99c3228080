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

    it('judges what readers received before the loss: no end, and text that the model generated', () => {
      expect(defects([...LOG, LOST, ...LOG], { logMayBeLost: true })).toEqual(['double-ended']);
      const other = [...before.slice(0, 2), text('1-2', 'z')];
      expect(defects([...other, LOST, ...LOG], { logMayBeLost: true, generated: ['ab'] })).toEqual(['zombie']);
      expect(defects([...other, LOST, ...LOG], { logMayBeLost: true, generated: ['zy', 'ab'] })).toEqual([]);
    });
  });
});
