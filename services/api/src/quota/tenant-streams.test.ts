import { expect, it } from '@jest/globals';
import { TenantStreams } from './tenant-streams.ts';

it('all that wait are one question, and who comes while it is out waits for the next', async () => {
  const asked: [open: number, wanted: number][] = [];
  const replies: ((share: number) => void)[] = [];
  const streams = new TenantStreams((open, wanted) => {
    asked.push([open, wanted]);
    return new Promise((resolve) => replies.push(resolve));
  });
  const first = [streams.tryOpen(3), streams.tryOpen(3)];
  const second = [streams.tryOpen(3)];
  replies.shift()?.(3);
  expect(await Promise.all(first.slice(0, 1))).toEqual([true]);
  replies.shift()?.(3);
  expect(await Promise.all([...first, ...second])).toEqual([true, true, true]);
  expect(asked).toEqual([
    [0, 1],
    [1, 2],
  ]);
});

it('a share that was granted in advance costs no question, but never passes a lower limit', async () => {
  let questions = 0;
  const streams = new TenantStreams(async () => {
    questions += 1;
    return questions === 1 ? 10 : 3;
  });
  for (let nth = 0; nth < 3; nth += 1) expect(await streams.tryOpen(100)).toBe(true);
  expect(questions).toBe(1);
  expect(await streams.tryOpen(3)).toBe(false);
});

it('without a limit nothing is asked, and what is open is told', async () => {
  const told: [open: number, wanted: number][] = [];
  const streams = new TenantStreams(async (open, wanted) => {
    told.push([open, wanted]);
    return open + wanted;
  });
  expect(await Promise.all([streams.tryOpen(null), streams.tryOpen(null)])).toEqual([true, true]);
  expect(told).toEqual([]);
  await streams.tell();
  expect(told).toEqual([[2, 0]]);
});
