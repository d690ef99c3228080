import { describe, expect, it } from '@jest/globals';
import { INVALID_SPAN_CONTEXT, ROOT_CONTEXT } from '@opentelemetry/api';
import { contextOf, readTraceparent as of, spanContextOf, traceparentOf } from './traceparent.ts';

const IDS = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('the trace context of a request', () => {
  it('is its header traceparent', () => {
    expect(of(`00-${IDS}`)).toBe(`00-${IDS}`);
  });

  it('is the known part of a later version', () => {
    expect(of(`01-${IDS}-more`)).toBe(`01-${IDS}`);
  });

  it.each([
    undefined,
    '',
    'nonsense',
    `ff-${IDS}`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
    `00-${IDS.toUpperCase()}`,
    `00-${IDS}0`,
  ])('is ignored when it is %p', (given) => {
    expect(of(given)).toBeUndefined();
    expect(spanContextOf(given)).toBeNull();
    expect(contextOf(given)).toBe(ROOT_CONTEXT);
  });

  it.each(['00', '01'])('comes back from a span with the flags %s', (flags) => {
    const traceparent = `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`;
    expect(traceparentOf(spanContextOf(traceparent) ?? INVALID_SPAN_CONTEXT)).toBe(traceparent);
  });

  it('is none without a span', () => {
    expect(traceparentOf(INVALID_SPAN_CONTEXT)).toBeUndefined();
  });
});
