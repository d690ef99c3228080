import { z } from 'zod';
import type { PipelineEvent, PipelineResult } from '../pipelines/pipeline.ts';
import { MalformedEvent } from './attempt-errors.ts';

const toolEventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('tool_call'),
    data: z.object({ callId: z.string(), name: z.string(), arguments: z.string() }),
  }),
  z.object({
    type: z.literal('tool_result'),
    data: z.object({ callId: z.string(), name: z.string(), content: z.string(), isError: z.boolean() }),
  }),
]);

const tokens = z.number().int().nonnegative();
const resultSchema = z.object({
  finishReason: z.string(),
  usage: z.object({ inputTokens: tokens, outputTokens: tokens }),
});

/** Validates what a pipeline yielded and drops unknown fields. Custom modules may not be type-checked, and a value that JSON
 *  cannot represent must fail its own job only.
 *  @throws MalformedEvent */
export function validateEvent(yielded: unknown, pipeline: string): PipelineEvent {
  const { type, data } = (yielded ?? {}) as { readonly type?: unknown; readonly data?: { readonly text?: unknown } };
  // without a schema: this runs for every token
  if (type === 'text' || type === 'reasoning') {
    const text = data?.text;
    if (typeof text !== 'string') throw new MalformedEvent(pipeline, `${type}: data.text`);
    return { type, data: { text } };
  }
  if (type !== 'tool_call' && type !== 'tool_result') throw new MalformedEvent(pipeline, 'type');
  return parsed(toolEventSchema, yielded, pipeline, type);
}

/** Validates what a pipeline returned.
 *  @throws MalformedEvent */
export function validateResult(returned: unknown, pipeline: string): PipelineResult | undefined {
  return returned === undefined || returned === null ? undefined : parsed(resultSchema, returned, pipeline, 'result');
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, pipeline: string, what: string): T {
  const outcome = schema.safeParse(value);
  if (outcome.success) return outcome.data;
  const path = outcome.error.issues[0]?.path.join('.') ?? '';
  throw new MalformedEvent(pipeline, path === '' ? what : `${what}: ${path}`);
}
