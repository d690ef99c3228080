import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { partsOfModel, qualifiedModel } from './model-name.ts';
import { modelSettings } from './model-settings.ts';

describe('the name of a model', () => {
  it.each([
    ['llama3.2', 'openai:llama3.2'],
    ['openai:llama3.2:3b', 'openai:llama3.2:3b'],
    ['qwen3:8b', 'openai:qwen3:8b'],
    ['hf.co/org/model:Q4_K_M', 'openai:hf.co/org/model:Q4_K_M'],
    ['ft:gpt-4o-mini:org::id', 'openai:ft:gpt-4o-mini:org::id'],
    ['anthropic:claude-x', 'anthropic:claude-x'],
  ])('%s means %s', (given, model) => {
    expect(qualifiedModel(given, 'openai')).toBe(model);
    expect(qualifiedModel(qualifiedModel(given, 'openai'), 'openai')).toBe(model);
  });

  it('has its provider before the first colon', () => {
    expect(partsOfModel('openai:qwen3:8b')).toEqual({ provider: 'openai', name: 'qwen3:8b' });
    expect(partsOfModel('bare')).toEqual({ provider: '', name: 'bare' });
  });

  it('is one, in a setting', () => {
    const { MILLRACE_MODEL: setting } = modelSettings;
    expect([z.parse(setting, 'qwen3:8b'), z.parse(setting, undefined)]).toEqual([
      'openai:qwen3:8b',
      'openai:gpt-4o-mini',
    ]);
    expect(() => z.parse(setting, 'a, b')).toThrow('must be one model');
  });
});
