import { describe, expect, it } from '@jest/globals';
import type { JobRequest } from './job-request.ts';
import { promptTokensOf } from './usage.ts';

const REQUEST: JobRequest = {
  ...{ messages: [], pipeline: 'chat', model: 'openai:m', onDisconnect: 'continue', onCrash: 'restart', timeoutMs: 1 },
};

describe('the estimate of a prompt', () => {
  it('counts a token per four bytes of everything that the model reads', () => {
    const text = 'x'.repeat(40);
    expect(promptTokensOf({ ...REQUEST, messages: [{ role: 'user', content: text }] })).toBe(10);
    expect(promptTokensOf({ ...REQUEST, messages: [{ role: 'user', content: '文'.repeat(4) }] })).toBe(3);
    expect(promptTokensOf({ ...REQUEST, instructions: text, messages: [{ role: 'user', content: text }] })).toBe(20);
    const toolCalls = [{ callId: 'c', name: 'look', arguments: text }];
    expect(promptTokensOf({ ...REQUEST, messages: [{ role: 'assistant', content: '', toolCalls }] })).toBe(11);
    expect(promptTokensOf({ ...REQUEST, input: { question: text } })).toBeGreaterThan(10);
  });

  it('does not take the bytes of an image for text', () => {
    const data = 'A'.repeat(100_000);
    expect(promptTokensOf({ ...REQUEST, messages: [{ role: 'user', content: [{ type: 'image', data }] }] })).toBe(
      1_000,
    );
  });
});
