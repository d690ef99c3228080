import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { TokenGaps } from './token-gaps.ts';

function gapsOf() {
  const seconds: number[] = [];
  return { seconds, gaps: new TokenGaps((gap) => seconds.push(gap)) };
}

it('the gap is measured between two pieces of text or reasoning', async () => {
  const { seconds, gaps } = gapsOf();
  gaps.said('reasoning');
  await sleep(30);
  gaps.said('text');
  expect(seconds).toEqual([expect.any(Number)]);
  expect(seconds[0]).toBeGreaterThan(0.02);
});

it('what a tool, or the worker itself, takes is no gap', async () => {
  const { seconds, gaps } = gapsOf();
  gaps.said('text');
  gaps.said('tool_call_start');
  await sleep(30);
  gaps.said('text');
  gaps.pause();
  await sleep(30);
  gaps.said('text');
  expect(seconds).toEqual([]);
});

it('pieces that come together are one', () => {
  const { seconds, gaps } = gapsOf();
  for (let piece = 0; piece < 1_000; piece++) gaps.said('text');
  // unless the machine is held up in between
  expect(seconds.length).toBeLessThan(50);
});
