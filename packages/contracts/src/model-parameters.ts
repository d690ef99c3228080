import { z } from 'zod';
import { countedArray } from './counted.ts';

const toolName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 characters of A-Z, a-z, 0-9, "_" and "-"');
const jsonSchema = z.record(z.string(), z.unknown());

/** How the model chooses its words. Passed to the model unchanged, in the model calls of every pipeline unless the
 *  pipeline sets its own. @see PROTOCOL.md §2 */
export const samplingFields = {
  temperature: z.number().min(0).max(2).optional().describe('Passed to the model.'),
  maxTokens: z.number().int().min(1).max(1_000_000).optional().describe('Passed to the model.'),
  topP: z.number().min(0).max(1).optional().describe('Passed to the model.'),
  stop: z
    .union([z.string().min(1).max(256), countedArray(z.string().min(1).max(256), { most: 16 })], {
      error: 'must be a string, or a list of strings',
    })
    .optional()
    .describe('Where the model stops: one string, or several. Passed to the model.'),
  seed: z.number().int().optional().describe('Passed to the model.'),
  presencePenalty: z.number().min(-2).max(2).optional().describe('Passed to the model.'),
  frequencyPenalty: z.number().min(-2).max(2).optional().describe('Passed to the model.'),
  reasoningEffort: z
    .enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'])
    .optional()
    .describe('Passed to the model.'),
};

/** What the model may answer with: calls of the caller's tools, or text in a given format. The pipeline `chat` passes
 *  it to the model. @see PROTOCOL.md §2 */
export const outputFields = {
  tools: countedArray(
    z.strictObject({
      name: toolName,
      description: z.string().max(16_384).optional(),
      parameters: jsonSchema.describe('JSON Schema of the arguments: an object.'),
      strict: z.boolean().optional().describe('Whether the model must keep to the schema, where it can.'),
    }),
    { most: 128 },
  )
    .optional()
    .describe('Tools of the caller. The model’s calls come back as events and end the job.'),
  toolChoice: z
    .union([z.enum(['auto', 'none', 'required']), z.strictObject({ name: toolName })], {
      error: 'must be "auto", "none", "required", or {"name": …}',
    })
    .optional()
    .describe('Whether the model may, must or must not call a tool, or which one it must call.'),
  parallelToolCalls: z.boolean().optional().describe('Whether the model may call several tools at once.'),
  responseFormat: z
    .discriminatedUnion(
      'type',
      [
        z.strictObject({ type: z.literal('text') }),
        z.strictObject({ type: z.literal('json_object') }),
        z.strictObject({
          type: z.literal('json_schema'),
          name: toolName,
          schema: jsonSchema,
          strict: z.boolean().optional(),
        }),
      ],
      { error: 'must be "text", "json_object" or "json_schema"' },
    )
    .optional()
    .describe('The form of the model’s text.'),
};

/** Optional fields that are absent rather than `undefined`. */
type Given<T> = { readonly [Name in keyof T]?: Exclude<T[Name], undefined> };
type Maybe<T> = { readonly [Name in keyof T]?: T[Name] | undefined };

export type SamplingParameters = Given<z.infer<z.ZodObject<typeof samplingFields>>>;
export type OutputParameters = Given<z.infer<z.ZodObject<typeof outputFields>>>;
export type ModelParameters = SamplingParameters & OutputParameters;
export type CallerTool = NonNullable<OutputParameters['tools']>[number];

const SAMPLING = Object.keys(samplingFields) as (keyof SamplingParameters)[];
const OUTPUT = Object.keys(outputFields) as (keyof OutputParameters)[];

/** @returns only the sampling parameters that were given */
export function samplingParametersOf(given: Maybe<SamplingParameters>): SamplingParameters {
  return Object.fromEntries(SAMPLING.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]));
}

/** @returns only the output parameters that were given */
export function outputParametersOf(given: Maybe<OutputParameters>): OutputParameters {
  return Object.fromEntries(OUTPUT.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]));
}

/** @returns only the model parameters that the request gave */
export function modelParametersOf(given: Maybe<ModelParameters>): ModelParameters {
  return { ...samplingParametersOf(given), ...outputParametersOf(given) };
}

/** Checks the fields of {@link outputFields} against each other. */
export function checkOutput(
  { tools, toolChoice, parallelToolCalls }: Maybe<OutputParameters>,
  context: z.RefinementCtx,
): void {
  const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path, message });
  if (tools === undefined) {
    if (toolChoice !== undefined) refuse(['toolChoice'], 'needs "tools": give them, or leave it out');
    if (parallelToolCalls !== undefined) refuse(['parallelToolCalls'], 'needs "tools": give them, or leave it out');
    return;
  }
  const names = new Set<string>();
  for (const [index, { name }] of tools.entries()) {
    if (names.has(name)) refuse(['tools', index, 'name'], 'is the name of two tools: rename one of them');
    names.add(name);
  }
  if (typeof toolChoice === 'object' && !names.has(toolChoice.name)) {
    refuse(['toolChoice', 'name'], 'must be the name of one of "tools"');
  }
}
