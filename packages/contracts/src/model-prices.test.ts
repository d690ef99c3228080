import { describe, expect, it } from '@jest/globals';
import { priceSettings } from './model-prices.ts';

const schema = priceSettings.MILLRACE_MODEL_PRICES;
const million = { inputTokens: 1e6, outputTokens: 0 };

describe('the prices of models', () => {
  it('take the name, then the longest beginning that fits; a bare name is one of openai', () => {
    const prices = schema.parse(
      JSON.stringify({
        'gpt-4o': { input: 1, output: 4 },
        'openai:*': { input: 2, output: 8 },
        'openai:gpt-*': { input: 3, output: 12 },
        'ollama:*': { input: 0, output: 0 },
      }),
    );
    expect(prices.costOf('openai:gpt-4o', { inputTokens: 1, outputTokens: 1 })).toBe(5_000_000);
    expect(prices.costOf('openai:gpt-5', million)).toBe(3e12);
    expect(prices.costOf('openai:o3', million)).toBe(2e12);
    expect(prices.costOf('ollama:llama', million)).toBe(0);
    expect(prices.costOf('groq:llama', million)).toBeNull();
  });

  it.each([
    ['no JSON', '{', /^must be JSON such as/],
    ['a price that is none', '{"m": {"input": -1, "output": 1}}', /^"m" → "input": .*; must be JSON/],
    ['a field that is unknown', '{"m": {"input": 1, "output": 1, "cached": 1}}', /cached/],
    ['a list', '[]', /must be JSON/],
  ])('refuse %s, and name the fault', (_, text, message) => {
    const { error } = schema.safeParse(text);
    expect(error?.issues[0]?.message).toMatch(message);
  });
});
