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

/** Takes what a pipeline yielded for an event, or not at all: TypeScript has not seen every team's module, and one
 *  object that JSON cannot hold must end its own job only. Fields of its own invention are left behind.
 *  @throws MalformedEvent */
export function saidEvent(said: unknown, pipeline: string): PipelineEvent {
  const { type, data } = (said ?? {}) as { readonly type?: unknown; readonly data?: { readonly text?: unknown } };
  // by hand, without a schema: this is the path of every token
  if (type === 'text' || type === 'reasoning') {
    const text = data?.text;
    if (typeof text !== 'string') throw new MalformedEvent(pipeline, `${type}: data.text`);
    return { type, data: { text } };
  }
  if (type !== 'tool_call' && type !== 'tool_result') throw new MalformedEvent(pipeline, 'type');
  return parsed(toolEventSchema, said, pipeline, type);
}

/** Takes what a pipeline returned at its end.
 *  @throws MalformedEvent */
export function returnedResult(returned: unknown, pipeline: string): PipelineResult | undefined {
  return returned === undefined || returned === null ? undefined : parsed(resultSchema, returned, pipeline, 'result');
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, pipeline: string, what: string): T {
  const outcome = schema.safeParse(value);
  if (outcome.success) return outcome.data;
  const path = outcome.error.issues[0]?.path.join('.') ?? '';
  throw new MalformedEvent(pipeline, path === '' ? what : `${what}: ${path}`);
}
