import { deltaForm, isPipelineEventType, STREAM_EVENTS, usageSchema } from '@millrace/contracts';
import { z } from 'zod';
import type { PipelineEvent, PipelineResult } from '../pipelines/definition/pipeline.ts';
import { MalformedEvent } from './attempt-errors.ts';

const resultSchema = z.object({
  finishReason: z.string(),
  usage: usageSchema,
  output: z.unknown().refine(isJson, 'must be JSON').optional(),
});

/** by type of event; zod compiles each schema once, which takes longer than to validate with it */
const eventSchemas = new Map<unknown, z.ZodType<object>>(
  Object.entries(STREAM_EVENTS)
    .filter(([type]) => isPipelineEventType(type))
    .map(([type, { data }]) => [type, z.object({ data })]),
);

interface Delta {
  readonly text?: unknown;
  readonly messageId?: unknown;
}

/** Validates what a pipeline yielded and drops unknown fields. Custom modules may not be type-checked, and a value that JSON
 *  cannot represent must fail its own job only.
 *  @throws MalformedEvent */
export function validateEvent(yielded: unknown, pipeline: string): PipelineEvent {
  const { type, data } = (yielded ?? {}) as { readonly type?: unknown; readonly data?: Delta };
  // without a schema: this runs for every token
  if (type === 'text' || type === 'reasoning') {
    const text = data?.text;
    if (typeof text !== 'string') throw new MalformedEvent(pipeline, `${type}: data.text`);
    if (data?.messageId === undefined) return { type, data: { text } };
  }
  const schema = eventSchemas.get(type);
  if (schema === undefined) throw new MalformedEvent(pipeline, 'type');
  return { type, ...parsed(schema, yielded, pipeline, `${type}`) } as PipelineEvent;
}

/** Whether an event says nothing: an empty piece of a text, or of a call's arguments. */
export function isEmptyDelta({ type, data }: PipelineEvent): boolean {
  const form = deltaForm(type);
  return form !== undefined && (data as Readonly<Record<string, unknown>>)[form.field] === '';
}

/** Validates what a pipeline returned.
 *  @throws MalformedEvent */
export function validateResult(returned: unknown, pipeline: string): PipelineResult | undefined {
  return returned === undefined || returned === null ? undefined : parsed(resultSchema, returned, pipeline, 'result');
}

function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false; // what runs in a circle
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, pipeline: string, what: string): T {
  const outcome = schema.safeParse(value);
  if (outcome.success) return outcome.data;
  const path = outcome.error.issues[0]?.path.join('.') ?? '';
  throw new MalformedEvent(pipeline, path === '' ? what : `${what}: ${path}`);
}
