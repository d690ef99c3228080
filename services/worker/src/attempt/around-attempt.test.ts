import { describe, expect, it } from '@jest/globals';
import type { AttemptHook, AttemptInfo, AttemptResult } from '@millrace/contracts';
import { aroundAttempt } from './around-attempt.ts';

const ATTEMPT: AttemptInfo = {
  ...{ jobId: 'j', tenant: 't', attempt: 2, pipeline: 'chat', model: 'openai:m' },
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  queueMs: 5,
};
const RESULT: AttemptResult = { outcome: 'completed', usage: { inputTokens: 1, outputTokens: 2 } };

function running(hooks: readonly AttemptHook[], run = async () => RESULT) {
  const hookErrors: unknown[] = [];
  const result = aroundAttempt({ hooks, attempt: ATTEMPT, run, onHookError: (error) => hookErrors.push(error) });
  return { result, hookErrors };
}

describe('the hooks around an attempt', () => {
  it('nest in their order, and see the attempt and its result', async () => {
    const calls: unknown[] = [];
    const hook = (name: string): AttemptHook => ({
      async around(attempt, next) {
        calls.push([name, attempt]);
        const result = await next();
        calls.push([name, result]);
        return result;
      },
    });
    const { result } = running([hook('outer'), hook('inner')], async () => {
      calls.push('attempt');
      return RESULT;
    });
    expect(await result).toBe(RESULT);
    expect(calls).toEqual([['outer', ATTEMPT], ['inner', ATTEMPT], 'attempt', ['inner', RESULT], ['outer', RESULT]]);
  });

  it('pass on an unexpected error of the attempt', async () => {
    const bug = new Error('bug');
    const seen: unknown[] = [];
    const hook: AttemptHook = {
      around: (_, next) =>
        next().catch((error: unknown) => {
          seen.push(error);
          throw error;
        }),
    };
    const { result, hookErrors } = running([hook, hook], () => Promise.reject(bug));
    await expect(result).rejects.toBe(bug);
    expect([seen, hookErrors]).toEqual([[bug, bug], []]);
  });

  it.each<[string, AttemptHook['around']]>([
    ['throws first', () => Promise.reject(new Error('hook'))],
    [
      'throws at once',
      () => {
        throw new Error('hook');
      },
    ],
    [
      'throws afterwards',
      async (_, next) => {
        await next();
        throw new Error('hook');
      },
    ],
  ])('cannot harm an attempt: one that %s is reported', async (_, around) => {
    let runs = 0;
    const { result, hookErrors } = running([{ around }], async () => {
      runs += 1;
      return RESULT;
    });
    expect(await result).toBe(RESULT);
    expect([runs, hookErrors]).toEqual([1, [new Error('hook')]]);
  });

  it('cannot change a result, skip an attempt or run it twice', async () => {
    let runs = 0;
    const other: AttemptResult = { ...RESULT, outcome: 'failed' };
    const skipping: AttemptHook = { around: async () => other };
    const twice: AttemptHook = {
      around: async (_, next) => {
        await next();
        await next();
        return other;
      },
    };
    const { result } = running([skipping, twice], async () => {
      runs += 1;
      return RESULT;
    });
    expect(await result).toBe(RESULT);
    expect(runs).toBe(1);
  });

  it('cannot hide an unexpected error', async () => {
    const bug = new Error('bug');
    const { result } = running([{ around: (_, next) => next().catch(() => RESULT) }], () => Promise.reject(bug));
    await expect(result).rejects.toBe(bug);
  });
});
