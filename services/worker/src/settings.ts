import { MODEL_PROVIDERS, modelSettings, partsOfModel } from '@millrace/contracts';
import { logSettings, recordOutlivesLog, redisSettings, slotSettings, streamLogSettings } from '@millrace/runtime';
import { z } from 'zod';

/** Node's timers fire at once beyond this, milliseconds. */
export const MAX_TIMER_MS = 2_147_483_647;

function milliseconds(least: number, otherwise: number) {
  return z.coerce.number().int().min(least).max(MAX_TIMER_MS).default(otherwise);
}

const commaSeparated = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );

/** Every environment variable that the worker reads. */
export const workerSettingsSchema = z
  .object({
    ...redisSettings,
    ...logSettings,
    ...streamLogSettings,
    MILLRACE_WORKER_CONCURRENCY: z.coerce
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(50)
      .describe('Jobs that one worker runs at a time'),
    ...slotSettings,
    OPENAI_API_KEY: z
      .string()
      .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without blanks: no header can carry anything else')
      .optional()
      .describe(
        'Key for OpenAI’s API; not needed with an OPENAI_BASE_URL that asks for none, nor with a MILLRACE_MODEL of another provider',
      ),
    OPENAI_BASE_URL: z
      .url({ protocol: /^https?$/ })
      // paths are put behind it, with a slash of their own
      .transform((url) => url.replace(/\/+$/, ''))
      .optional()
      .describe('An OpenAI-compatible server (Ollama, vLLM, LM Studio, a gateway) in place of OpenAI’s own'),
    ...modelSettings,
    MILLRACE_MODEL_STREAM_USAGE: z
      .enum(['true', 'false'])
      .default('true')
      .transform((word) => word === 'true')
      .describe(
        'Whether to ask a model of openai what its answer cost (stream_options); a server that refuses the question is asked without, false spares it the first refusal',
      ),
    MILLRACE_SYSTEM_PROMPT: z
      .string()
      .default('')
      .describe('Put by the pipeline `chat` before a conversation that brings no system message of its own'),
    MILLRACE_PIPELINES: commaSeparated.describe(
      'Modules with pipelines of your own, comma separated: paths (./ or /) or package names',
    ),
    MILLRACE_FIRST_TOKEN_TIMEOUT_MS: milliseconds(1, 300_000).describe(
      'How long a model may take to give its first sign of life, retries included, milliseconds; a comment or an empty frame of its server starts it anew',
    ),
    MILLRACE_TOKEN_GAP_TIMEOUT_MS: milliseconds(1, 60_000).describe(
      'How long a model may be silent in the midst of an answer, milliseconds; whatever its server sends is a sign of life',
    ),
    MILLRACE_MODEL_RETRIES: z.coerce
      .number()
      .int()
      .min(0)
      .max(100)
      .default(4)
      .describe('How often a model call that failed before it said anything (429, 5xx, no connection) is repeated'),
    MILLRACE_RETRY_MIN_DELAY_MS: milliseconds(0, 250).describe(
      'Delay before the first repetition, doubled for each further one, with jitter, milliseconds',
    ),
    MILLRACE_RETRY_MAX_DELAY_MS: milliseconds(0, 10_000).describe(
      'Longest delay before a repetition, also where the model’s Retry-After asks for more, milliseconds',
    ),
    MILLRACE_WORKER_LOCK_MS: milliseconds(1_000, 8_000).describe(
      'A worker that has not renewed its hold on a job for this long counts as dead, milliseconds',
    ),
    MILLRACE_WORKER_STALL_CHECK_MS: milliseconds(500, 4_000).describe(
      'How often the workers look for jobs of dead workers, milliseconds; with the lock above: noticed within 12 s',
    ),
    MILLRACE_WORKER_GRACE_MS: milliseconds(0, 20_000).describe(
      'How long running jobs may go on after SIGTERM before they are handed to another worker, milliseconds',
    ),
    MILLRACE_WORKER_HEALTH_PORT: z.coerce
      .number()
      .int()
      .min(0)
      .max(65_535)
      .optional()
      .describe('Port of /healthz, /readyz and /metrics; 0: any free one; not served when left out'),
    HOST: z.string().default('127.0.0.1').describe('Address that the process listens on'),
  })
  .check(recordOutlivesLog)
  .refine(({ MILLRACE_RETRY_MIN_DELAY_MS: least, MILLRACE_RETRY_MAX_DELAY_MS: most }) => least <= most, {
    path: ['MILLRACE_RETRY_MAX_DELAY_MS'],
    message: 'must be at least MILLRACE_RETRY_MIN_DELAY_MS',
  })
  .refine(
    ({ MILLRACE_MODEL: model, OPENAI_API_KEY: key, OPENAI_BASE_URL: url }) =>
      key !== undefined || url !== undefined || !model.startsWith('openai:'),
    { path: ['OPENAI_API_KEY'], message: 'set it, or OPENAI_BASE_URL, or a MILLRACE_MODEL of another provider' },
  )
  .refine(({ MILLRACE_MODEL: model, OPENAI_BASE_URL: url }) => url !== undefined || isKnownToOpenAi(model), {
    path: ['MILLRACE_MODEL'],
    message: `has a provider that is none (known: ${MODEL_PROVIDERS.join(', ')}); where it belongs to the name, set OPENAI_BASE_URL to the server that has the model`,
  });

/** OpenAI's own names have no colon, but for fine-tuned models (`ft:gpt-4o-mini:team::id`). */
function isKnownToOpenAi(model: string): boolean {
  const { provider, name } = partsOfModel(model);
  return provider !== 'openai' || !name.includes(':') || name.startsWith('ft:');
}

export type WorkerSettings = Readonly<z.output<typeof workerSettingsSchema>>;
