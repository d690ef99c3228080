import type { HeapProfiler, Profiler } from 'node:inspector';
import { describe, expect, it } from '@jest/globals';
import { holderOf } from './holders.ts';
import { busyMicros, liveBytes } from './profiles.ts';

const frame = (functionName: string, url = '') => {
  return { functionName, url, scriptId: '0', lineNumber: 0, columnNumber: 0 };
};

const IOREDIS = 'file:///srv/node_modules/ioredis/built/Redis.js';
const LOG = 'file:///srv/packages/stream-log/dist/log/job-reader.js';

describe('holderOf', () => {
  it.each([
    [IOREDIS, 'ioredis'],
    ['file:///srv/node_modules/bullmq/node_modules/@scope/name/index.js', '@scope/name'],
    [LOG, 'Millrace: stream-log'],
    ['file:///srv/services/api/dist/main.js', 'Millrace: api'],
    ['node:internal/streams/writable', 'Node: sockets and streams'],
    ['node:internal/deps/undici/undici', 'undici'],
    ['node:_http_server', 'Node: HTTP'],
    ['node:internal/process/task_queues', 'Node: timers, ticks, async context'],
    ['node:buffer', 'Node: the rest'],
    ['evalmachine.<anonymous>', 'the rest'],
  ])('names whose %s is', (url, holder) => {
    expect(holderOf(frame('any', url))).toBe(holder);
  });

  it('knows what V8 and Node do by themselves, and leaves other native functions to whoever calls them', () => {
    expect(holderOf(frame('(garbage collector)'))).toBe('garbage collection');
    expect(holderOf(frame('writev'))).toBe('writes to sockets');
    expect(holderOf(frame('parse'))).toBeNull();
  });
});

it('a profile says for how long each holder ran, without the time in which nothing did', () => {
  const profile: Profiler.Profile = {
    nodes: [
      { id: 1, callFrame: frame('(root)'), children: [2, 3] },
      { id: 2, callFrame: frame('(idle)') },
      { id: 3, callFrame: frame('page', LOG), children: [4, 5] },
      { id: 4, callFrame: frame('parse') },
      { id: 5, callFrame: frame('write', IOREDIS) },
    ],
    startTime: 0,
    endTime: 1_000,
    samples: [3, 4, 2, 5, 1, 3],
    timeDeltas: [10, 100, 200, 300, 50, 7],
  };
  expect(busyMicros(profile)).toEqual(
    new Map([
      ['Millrace: stream-log', 300],
      ['ioredis', 50],
      ['the rest', 7],
    ]),
  );
});

it('a heap profile says who made what is alive', () => {
  const node = (
    callFrame: ReturnType<typeof frame>,
    selfSize: number,
    children: HeapProfiler.SamplingHeapProfileNode[] = [],
  ): HeapProfiler.SamplingHeapProfileNode => ({ callFrame, selfSize, children });
  const head = node(frame('(root)'), 0, [
    node(frame('page', LOG), 40, [node(frame('slice'), 2), node(frame('write', IOREDIS), 5)]),
  ]);
  expect(liveBytes({ head })).toEqual(
    new Map([
      ['Millrace: stream-log', 42],
      ['ioredis', 5],
    ]),
  );
});
