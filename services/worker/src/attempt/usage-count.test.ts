import { describe, expect, it } from '@jest/globals';
import type { AttemptUsage } from '@millrace/contracts';
import { UsageCount } from './usage-count.ts';

const PROMPT = 7;
const usage = (inputTokens: number, outputTokens: number) => ({ inputTokens, outputTokens });

function counting(): UsageCount {
  return new UsageCount('openai:own', PROMPT);
}

/** 4 bytes of text are a token, as far as estimates go. */
function says(count: UsageCount, tokens: number): void {
  count.said('text', { text: 'x'.repeat(tokens * 4) });
}

describe('the usage of an attempt', () => {
  it('is what the providers report, whatever was said', () => {
    const count = counting();
    count.calls();
    says(count, 5);
    count.report(usage(2, 3));
    count.completed(usage(2, 3));
    expect(count.usage).toEqual(usage(2, 3));
  });

  it('is nothing for a pipeline that calls no model', () => {
    const count = counting();
    says(count, 5);
    count.completed(undefined);
    expect(count.usage).toBeNull();
  });

  it('is an estimate where no provider reports anything', () => {
    const count = counting();
    count.calls();
    says(count, 5);
    count.completed(usage(0, 0));
    expect(count.usage).toEqual({ ...usage(PROMPT, 5), estimatedTokens: PROMPT + 5 });
  });

  it('is the sum of what was reported and an estimate of the call that was cut off', () => {
    const count = counting();
    count.calls();
    says(count, 5);
    count.report(usage(20, 30));
    count.calls();
    says(count, 4);
    count.refused();
    expect(count.usage).toEqual({ ...usage(20 + PROMPT, 34), estimatedTokens: PROMPT + 4 });
  });

  it('does not count a call that a model refuses', () => {
    const count = counting();
    count.calls();
    says(count, 5);
    count.report(usage(20, 30));
    count.calls();
    count.refused();
    expect(count.usage).toEqual(usage(20, 30));
  });

  it('keeps what a run that is retried has used', () => {
    const count = counting();
    count.calls();
    count.report(usage(2, 0));
    count.restarts();
    count.calls();
    says(count, 1);
    count.report(usage(2, 1));
    count.completed(usage(2, 1));
    expect(count.usage).toEqual(usage(4, 1));
  });

  it('believes a pipeline that has called models of its own', () => {
    const count = counting();
    count.calls();
    count.report(usage(2, 1));
    count.completed(usage(12, 11));
    expect(count.usage).toEqual(usage(12, 11));
  });

  it('tells models apart, up to 16, and estimates as the model of the job', () => {
    const count = counting();
    for (let n = 0; n < 20; n += 1) count.report(usage(1, 1), `openai:${n}`);
    count.calls();
    says(count, 2);
    const { models = [], ...total } = count.usage as AttemptUsage;
    expect(total).toEqual({ ...usage(20 + PROMPT, 22), estimatedTokens: PROMPT + 2 });
    expect(models).toHaveLength(18);
    expect(models.slice(-2)).toEqual([
      { model: 'other', ...usage(4, 4), estimatedTokens: 0 },
      { model: 'openai:own', ...usage(PROMPT, 2), estimatedTokens: PROMPT + 2 },
    ]);
  });
});
