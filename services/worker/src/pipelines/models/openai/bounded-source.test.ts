import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BodySource, ByteSink } from './body-source.ts';
import { BoundedSource } from './bounded-source.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function start() {
  let sink: ByteSink | undefined;
  const abort = jest.fn<BodySource['abort']>();
  const source: BodySource = {
    pushTo: (given) => {
      sink = given;
    },
    resume: () => undefined,
    abort,
  };
  const read: string[] = [];
  new BoundedSource(source, { maxBytes: 5, maxMs: 1_000 }).pushTo({
    bytes: (bytes) => read.push(Buffer.from(bytes).toString()) > 0,
    end: () => read.push('end'),
    failed: (error) => read.push(String(error)),
  });
  if (sink === undefined) throw new Error('the source was not started');
  return { abort, read, sink, push: (text: string) => sink?.bytes(Buffer.from(text)) };
}

describe('a bounded body', () => {
  it('is passed on unchanged within its bounds', () => {
    const { abort, read, sink, push } = start();
    push('ab');
    push('cd');
    sink.end();
    jest.advanceTimersByTime(2_000);
    expect(read).toEqual(['ab', 'cd', 'end']);
    expect(abort).not.toHaveBeenCalled();
  });

  it('ends at its size, and closes the connection', () => {
    const { abort, read, sink, push } = start();
    push('abc');
    push('defg');
    push('h');
    sink.failed(new Error('aborted'));
    expect(read).toEqual(['abc', 'de', 'end']);
    expect(abort).toHaveBeenCalledTimes(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('ends after its time, and closes the connection', () => {
    const { abort, read, push } = start();
    push('ab');
    jest.advanceTimersByTime(1_000);
    expect(read).toEqual(['ab', 'end']);
    expect(abort).toHaveBeenCalledTimes(1);
  });

  it('reports a failure within its bounds', () => {
    const { read, sink } = start();
    sink.failed(new Error('reset'));
    expect(read).toEqual(['Error: reset']);
    expect(jest.getTimerCount()).toBe(0);
  });
});
