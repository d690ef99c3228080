import { describe, expect, it } from '@jest/globals';
import { isPipelineEventType, isTerminal, STREAM_EVENTS } from './stream-event.ts';

const types = Object.keys(STREAM_EVENTS);

describe('the events of a job', () => {
  it('include three terminal events, which only the service emits', () => {
    expect(types.filter(isTerminal)).toEqual(['done', 'error', 'cancelled']);
    expect(types.filter((type) => isTerminal(type) && isPipelineEventType(type))).toEqual([]);
    expect([isTerminal('toString'), isPipelineEventType('toString'), isPipelineEventType(undefined)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  const circular: Record<string, unknown> = {};
  circular['self'] = circular;

  it.each<[string, unknown, boolean]>([
    ['null', null, true],
    ['a list', [1, { a: 'b' }], true],
    ['nothing', undefined, false],
    ['a function', () => 1, false],
    ['a circle', circular, false],
    ['a number that JSON lacks', 1n, false],
  ])('may carry any JSON where they say so: %s', (_, data, fits) => {
    expect(STREAM_EVENTS.custom.data.safeParse({ data }).success).toBe(fits);
    expect(STREAM_EVENTS.interrupt.data.safeParse({ interruptId: 'i', value: data }).success).toBe(fits);
  });
});
