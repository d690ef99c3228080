import { describe, expect, it } from '@jest/globals';
import { AIMessage } from '@langchain/core/messages';
import { bounded, plain, plainState } from './plain.ts';

const circle: Record<string, unknown> = { name: 'ring' };
circle['self'] = circle;
const unreadable = Object.defineProperty({ near: 1 }, 'far', {
  enumerable: true,
  get: () => {
    throw new Error('no');
  },
});
const deep = Array.from({ length: 100_000 }).reduce<object>((inner) => ({ inner }), {});

describe('a value as plain JSON', () => {
  it.each<[string, unknown, unknown]>([
    ['a bigint', { n: 12345678901234567890n }, { n: '12345678901234567890' }],
    ['a bigint alone', 10n, '10'],
    ['what contains itself', circle, { name: 'ring', self: '[Circular]' }],
    ['what is in two places', { a: circle['name'], b: [circle['name']] }, { a: 'ring', b: ['ring'] }],
    ['a bigint in what contains itself', Object.assign([1n], { 1: 2 }), ['1', 2]],
    ['a function', { act() {} }, { act: '[Function: act]' }],
    ['a function alone', () => 1, '[Function: anonymous]'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['a map', new Map([['a', new Map([['b', 1n]])]]), { a: { b: '1' } }],
    ['a set', new Set([1, 'x']), [1, 'x']],
    ['an error', new TypeError('wrong'), { name: 'TypeError', message: 'wrong' }],
    ['bytes', { b: Buffer.from('hi'), u: new Uint8Array([1, 2]) }, { b: 'aGk=', u: 'AQI=' }],
    ['a date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    ['what throws when read', unreadable, { near: 1, far: '[unreadable]' }],
    ['fields that begin with two underscores', { __typename: 'Order' }, { __typename: 'Order' }],
    ['nothing', undefined, undefined],
  ])('says %s', (_what, value, said) => {
    expect(plain(value)).toEqual(said);
  });

  it('says messages with bigints in the form of LangGraph’s server', () => {
    const message = new AIMessage({ id: 'm1', content: 'hi', additional_kwargs: { n: 1n, circle } });
    expect(plain({ messages: [message] })).toMatchObject({
      messages: [{ type: 'ai', id: 'm1', content: 'hi', additional_kwargs: { n: '1', circle: { name: 'ring' } } }],
    });
  });

  it('says what lies too deep, or is too large, by what it is', () => {
    expect(JSON.stringify(plain(deep))).toContain('[too deep]');
    expect(plain({ text: 'x'.repeat(5_000_000) })).toEqual({ omitted: 'too large', bytes: 5_000_011 });
    expect(plain('é'.repeat(2_500_000))).toEqual({ omitted: 'too large', bytes: 5_000_002 });
    expect(bounded('x'.repeat(1_048_577))).toMatch(/^x{1048576} \[1 more characters\]$/);
  });

  it('leaves out of a state what is LangGraph’s own', () => {
    expect(
      plainState({ __pregel_tasks: [1], __metadata__: {}, __start__: 1, __end__: 1, a: { __typename: 'A' } }),
    ).toEqual({
      __end__: 1,
      a: { __typename: 'A' },
    });
  });
});
