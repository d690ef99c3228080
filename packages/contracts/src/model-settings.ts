import { z } from 'zod';
import { qualifiedModel } from './model-name.ts';

/** Which model answers: the API resolves what a request names, the worker checks that it can reach it. */
export const modelSettings = {
  MILLRACE_MODEL: z
    .string()
    .regex(/^[^,:\s]+(:[^,\s]+)?$/, 'must be one model: provider:name, or a bare name')
    .default('openai:gpt-4o-mini')
    .transform((model) => qualifiedModel(model, 'openai'))
    .describe(
      'Model of a request that names none: provider:name, or a bare name for openai (and what speaks its protocol), also one with colons (qwen3:8b); its provider is that of a bare name in a request',
    ),
};
