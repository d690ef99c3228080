import { describe, expect, it } from '@jest/globals';
import { negotiate } from './accept.ts';
import { preferredWaitMs } from './prefer.ts';
import { InvalidRequest } from './problem.ts';

const OFFERS = ['text/event-stream', 'text/plain', 'application/json'] as const;

describe('Accept', () => {
  it.each<[string | undefined, string]>([
    [undefined, 'text/event-stream'],
    ['', 'text/event-stream'],
    ['*/*', 'text/event-stream'],
    ['text/*', 'text/event-stream'],
    ['application/*', 'application/json'],
    ['text/plain', 'text/plain'],
    ['TEXT/PLAIN; charset=utf-8', 'text/plain'],
    ['application/json, text/plain, */*', 'application/json'],
    ['text/plain;q=0.5, application/json;q=0.9', 'application/json'],
    ['*/*;q=0.1, text/plain', 'text/plain'],
    ['text/event-stream;q=0, */*', 'text/plain'],
    ['text/html, application/xhtml+xml, */*;q=0.8', 'text/event-stream'],
    ['nonsense, application/json', 'application/json'],
    ['text/plain;q=nonsense, application/json;q=0.1', 'application/json'],
  ])('%j gets %s', (accept, type) => expect(negotiate(accept, OFFERS)).toBe(type));

  it.each(['image/png', 'text/html', '*/*;q=0', 'nonsense'])('refuses %j', (accept) => {
    expect(() => negotiate(accept, OFFERS)).toThrow(InvalidRequest);
  });
});

describe('Prefer: wait', () => {
  it.each<[string | string[] | undefined, number | null]>([
    [undefined, null],
    ['wait=5', 5_000],
    ['respond-async, wait=10', 10_000],
    ['Wait = "3"; foo', 3_000],
    [['respond-async', 'wait=1'], 1_000],
    ['wait=1, wait=2', 1_000],
    ['wait=-1', null],
    ['wait=soon', null],
    ['await=5', null],
  ])('%j is %j ms', (prefer, ms) => expect(preferredWaitMs(prefer)).toBe(ms));
});
