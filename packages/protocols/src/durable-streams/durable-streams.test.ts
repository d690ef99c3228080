import { describe, expect, it } from '@jest/globals';
import { compareEventIds, type EventId } from '@millrace/contracts';
import fc from 'fast-check';
import { UnframableEvent } from '../stream-format.ts';
import { JOB } from '../testing/histories.ts';
import { closedFrame, DurableStreamFormat } from './frames.ts';
import { itemsJson } from './items.ts';
import { eventBefore, offsetAfter } from './offset.ts';
import { streamCursor } from './stream-cursor.ts';

const format = new DurableStreamFormat({ cursor: '12', upToDateAt: null });

describe('the offset of a durable stream', () => {
  const ids = fc.tuple(fc.nat(9_999_999), fc.nat()).map(([attempt, seq]): EventId => `${attempt}-${seq}`);

  it('sorts as text as events do, and leads back to its event', () => {
    fc.assert(
      fc.property(ids, ids, (one, other) => {
        const [left, right] = [offsetAfter(one), offsetAfter(other)];
        expect(Math.sign(compareEventIds(one, other))).toBe(left < right ? -1 : Number(left > right));
        expect(eventBefore(left)).toBe(one);
      }),
    );
  });

  it.each(['', '-1', '-2', '0', '1-2', '0,1', '0 1', 'now', '-1 ', '00000000001_000000000000001'])(
    'is not %j',
    (offset) => {
      expect(eventBefore(offset)).toBeNull();
    },
  );
});

describe('a live durable stream', () => {
  const text = { id: '1-2' as const, type: 'text' as const, data: '{"text":"hi"}' };
  const done = { id: '1-3' as const, type: 'done' as const, data: '{"finishReason":"stop"}' };

  it('follows each frame of items by one that says where it is', () => {
    const { bytes, outcome } = format.connect(JOB).encode({ events: [text], replay: false });
    expect([bytes?.toString(), outcome]).toEqual([
      'event: data\ndata:[{"id":"1-2","type":"text","data":{"text":"hi"}}]\n\n' +
        'event: control\ndata:{"streamNextOffset":"0000000001_000000000000002","streamCursor":"12","upToDate":true}\n\n',
      'continue',
    ]);
  });

  it('is not up to date while a backlog goes on', () => {
    const { bytes } = format.connect(JOB).encode({ events: [text], replay: true });
    expect(bytes?.toString()).not.toContain('upToDate');
  });

  it('is closed with the last event, without a cursor', () => {
    const { bytes, outcome } = format.connect(JOB).encode({ events: [text, done], replay: false });
    expect(bytes?.toString()).toMatch(
      /\n\nevent: control\ndata:\{"streamNextOffset":"0000000001_000000000000003","streamClosed":true\}\n\n$/,
    );
    expect(bytes?.toString().endsWith(closedFrame('1-3'))).toBe(true);
    expect(outcome).toBe('end');
  });

  it('says at once where a reader is who has everything', () => {
    const { opening } = new DurableStreamFormat({ cursor: '12', upToDateAt: '1-2' }).connect(JOB);
    expect(opening?.toString()).toBe(
      'event: control\ndata:{"streamNextOffset":"0000000001_000000000000002","streamCursor":"12","upToDate":true}\n\n',
    );
  });

  it('makes its bytes once for all readers with one cursor', () => {
    const batch = { events: [text], replay: false };
    const one = format.connect(JOB).encode(batch);
    expect(format.connect(JOB).encode(batch).bytes).toBe(one.bytes);
    const other = new DurableStreamFormat({ cursor: '13', upToDateAt: null }).connect(JOB).encode(batch);
    expect(other.bytes?.toString()).toContain('"streamCursor":"13"');
    // readers of both kinds take turns
    expect(format.connect(JOB).encode(batch).bytes).toBe(one.bytes);
  });
});

describe('the items of a durable stream', () => {
  it.each([
    ['data', { id: '1-1', type: 'text', data: '{"text":"a\nb"}' }],
    ['type', { id: '1-1', type: 'a b', data: '{}' }],
    ['id', { id: '"', type: 'text', data: '{}' }],
  ])('are not made of an event whose %s would break out', (_, event) => {
    expect(() => itemsJson([event as never])).toThrow(UnframableEvent);
  });

  it('are [] where there is nothing', () => {
    expect(itemsJson([])).toBe('[]');
  });
});

describe('the cursor of a live read', () => {
  const NOW = Date.UTC(2024, 9, 9, 0, 1);

  it.each([
    [undefined, '3'],
    ['2', '3'],
    ['3', '4'],
    ['9', '10'],
    ['nonsense', '3'],
    ['-1', '3'],
  ])('is of the present interval, and greater than the one given: %s', (given, cursor) => {
    expect(streamCursor(NOW, given, 0)).toBe(cursor);
    expect(Number(streamCursor(NOW, given, 0.999))).toBeGreaterThanOrEqual(Number(cursor));
  });
});
