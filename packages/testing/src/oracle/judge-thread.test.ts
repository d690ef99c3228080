import { describe, expect, it } from '@jest/globals';
import { type Chapter, judgeChronicle } from './judge-chronicle.ts';
import { judgeTurns, type Turn } from './judge-turns.ts';

/** A job that runs for 100 ms from its number's hundred, asked for right before. */
function turn(number: number, more: Partial<Turn> = {}): Turn {
  const startedAt = number * 100;
  const times = { askedAt: startedAt - 20, answeredAt: startedAt - 10, startedAt, finishedAt: startedAt + 100 };
  return { id: `job ${number}`, onBusy: 'enqueue', stopped: false, ...times, ...more };
}

const defects = (turns: readonly Turn[]) => judgeTurns(turns).map(({ defect }) => defect);

describe('judgeTurns', () => {
  it('lets pass jobs that run one after the other, also those that share a millisecond or never ran', () => {
    const waited = turn(2, { askedAt: 120, answeredAt: 130 });
    const never = turn(1, { id: 'cancelled while it waited', startedAt: null, finishedAt: 150 });
    expect(defects([turn(1), waited, turn(3), never])).toEqual([]);
  });

  it('counts as overlapped a job that begins before another has ended, or beside one without an end', () => {
    expect(defects([turn(1), turn(2, { startedAt: 150 })])).toEqual(['overlapped']);
    expect(defects([turn(1, { finishedAt: null }), turn(2)])).toEqual(['overlapped']);
    expect(defects([turn(1, { finishedAt: 1_000 }), turn(2), turn(3)])).toEqual(['overlapped', 'overlapped']);
  });

  it('counts as reordered a job that overtakes one that was accepted before it was asked for', () => {
    const early = turn(3, { askedAt: 10, answeredAt: 20 });
    expect(defects([early, turn(2, { askedAt: 30 })])).toEqual(['reordered']);
    // asked for at the same time: either may be first
    expect(defects([early, turn(2, { askedAt: 15 })])).toEqual([]);
  });

  it('wants a job that stops another to go before those that wait', () => {
    const running = turn(1, { stopped: true });
    const waiting = turn(3, { askedAt: 110, answeredAt: 115 });
    const stopping = turn(2, { onBusy: 'interrupt', askedAt: 150, answeredAt: 160 });
    expect(defects([running, waiting, stopping])).toEqual([]);
    const overtaken = { ...stopping, startedAt: 400, finishedAt: 500 };
    expect(defects([running, waiting, overtaken])).toEqual(['reordered']);
  });

  it('counts as lost a job that the thread cancelled though nobody asked for it', () => {
    expect(defects([turn(1, { stopped: true }), turn(2)])).toEqual(['lost']);
    expect(defects([turn(1, { stopped: true }), turn(2, { onBusy: 'rollback', askedAt: 150 })])).toEqual([]);
  });
});

describe('judgeChronicle', () => {
  const chapter = (name: string, least: number, most: number): Chapter => {
    return { name, items: [1, 2, 3].map((step) => `${name}${step}`), least, most };
  };
  const A = chapter('a', 3, 3);
  const B = chapter('b', 1, 2);
  const defects = (held: readonly string[], chapters: readonly Chapter[] = [A, B]) => {
    return judgeChronicle('state', held, chapters).map(({ defect }) => defect);
  };

  it('lets pass what each job must have left and may have left', () => {
    expect(defects(['a1', 'a2', 'a3', 'b1'])).toEqual([]);
    expect(defects(['a1', 'a2', 'a3', 'b1', 'b2'])).toEqual([]);
    expect(defects(['b1'], [{ ...A, least: 0, most: 0 }, B])).toEqual([]);
  });

  it.each([
    ['lost', ['a1', 'a2', 'b1']],
    ['lost', ['a1', 'a2', 'a3']],
    ['repeated', ['a1', 'a1', 'a2', 'a3', 'b1']],
    ['repeated', ['a1', 'a2', 'a3', 'b1', 'a1']],
    ['reordered', ['b1', 'a1', 'a2', 'a3']],
    ['zombie', ['a1', 'a2', 'a3', 'b1', 'b2', 'b3']],
    ['zombie', ['a1', 'a2', 'a3', 'b1', 'c1']],
  ])('counts as %s: %s', (defect, held) => {
    expect(defects(held)).toEqual([defect]);
  });

  it('counts as zombie what a job has left that was undone', () => {
    expect(defects(['a1', 'a2', 'a3', 'b1'], [A, { ...B, least: 0, most: 0 }])).toEqual(['zombie']);
  });
});
