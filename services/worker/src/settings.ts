import {
  archiveSettings,
  encryptionSettings,
  encryptsCheckpoints,
  hasNamedKms,
  integer,
  keySettings,
  MODEL_PROVIDERS,
  milliseconds,
  modelSettings,
  partsOfModel,
  priceSettings,
  recordOutlivesLog,
  slotSettings,
  streamLogSettings,
  threadSettings,
  webhookSettings,
} from '@millrace/contracts';
import { logSettings, redisSettings, shardsInUseExist } from '@millrace/runtime';
import { traceContentSettings, traceSettings } from '@millrace/telemetry';
import { z } from 'zod';

const commaSeparated = z.string().default('').transform(listOf);

/** The items of a comma-separated variable. */
export function listOf(text = ''): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** All environment variables of the worker. */
export const workerSettingsSchema = z
  .object({
    ...redisSettings,
    ...keySettings,
    ...logSettings,
    ...streamLogSettings,
    ...archiveSettings,
    ...threadSettings,
    ...webhookSettings,
    ...encryptionSettings,
    ...traceSettings,
    ...traceContentSettings,
    MILLRACE_WORKER_CONCURRENCY: integer().min(1).max(10_000).default(50).describe('Jobs that one worker runs at once'),
    MILLRACE_WORKER_MAX_ALONE: integer()
      .min(1)
      .max(1_000)
      .default(4)
      .describe(
        'Jobs that one worker runs at once in processes of their own, because they have lost their worker twice; each needs the memory of a worker',
      ),
    MILLRACE_APPEND_HOLD_MS: milliseconds(0)
      .max(100)
      .default(0)
      .describe(
        'How long a token waits for those of other jobs, to share a write to Redis, where at least two come in that time, milliseconds; 0: each goes at once. At thousands of tokens per second and worker, 2 saves Redis, worker and API nodes up to a fifth of their time per token',
      ),
    MILLRACE_METRICS_TENANTS: z
      .enum(['true', 'false'])
      .default('false')
      .transform((value) => value === 'true')
      .describe(
        'Whether the metric of tokens has a label with the tenant: everybody who reads /metrics then sees their names',
      ),
    ...slotSettings,
    OPENAI_API_KEY: z
      .string()
      .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without blanks: a header cannot carry anything else')
      .optional()
      .describe(
        'Key for OpenAI’s API; optional with an OPENAI_BASE_URL that requires none, or with a MILLRACE_MODEL of another provider',
      ),
    OPENAI_BASE_URL: z
      .url({ protocol: /^https?$/ })
      // paths are appended with a slash of their own
      .transform((url) => url.replace(/(?<!\/)\/+$/, ''))
      .optional()
      .describe('An OpenAI-compatible server (Ollama, vLLM, LM Studio, a gateway) in place of OpenAI’s own'),
    ...modelSettings,
    ...priceSettings,
    MILLRACE_MODEL_STREAM_USAGE: z
      .enum(['true', 'false'])
      .default('true')
      .transform((word) => word === 'true')
      .describe(
        'Whether to request usage from models of openai (stream_options); when a server rejects the option, the request is repeated without it: false avoids the first rejection',
      ),
    MILLRACE_SYSTEM_PROMPT: z
      .string()
      .default('')
      .describe('System message that the pipeline `chat` adds to conversations without one'),
    MILLRACE_PIPELINES: commaSeparated.describe(
      'Modules with custom pipelines, comma-separated: paths (./ or /) or package names',
    ),
    MILLRACE_GRAPHS: commaSeparated.describe(
      'Files of LangGraph’s CLI (`langgraph.json`), comma-separated: their graphs are served as agents',
    ),
    MILLRACE_FIRST_TOKEN_TIMEOUT_MS: milliseconds(1)
      .default(300_000)
      .describe(
        'How long a model may take to send its first content, including retries, milliseconds; a comment or an empty frame of its server restarts the time',
      ),
    MILLRACE_TOKEN_GAP_TIMEOUT_MS: milliseconds(1)
      .default(60_000)
      .describe(
        'How long a model may be silent within an answer, milliseconds; anything that its server sends counts as activity',
      ),
    MILLRACE_MODEL_RETRIES: integer()
      .min(0)
      .max(100)
      .default(4)
      .describe('How often a model call is retried that failed before its first content (429, 5xx, no connection)'),
    MILLRACE_RETRY_MIN_DELAY_MS: milliseconds(0)
      .default(250)
      .describe('Delay before the first retry, doubled for each further one, with jitter, milliseconds'),
    MILLRACE_RETRY_MAX_DELAY_MS: milliseconds(0)
      .default(10_000)
      .describe('Longest delay before a retry, milliseconds; also caps the model’s Retry-After'),
    MILLRACE_WORKER_LOCK_MS: milliseconds(1_000)
      .default(8_000)
      .describe('A worker that has not renewed its lock on a job for this long counts as dead, milliseconds'),
    MILLRACE_WORKER_STALL_CHECK_MS: milliseconds(500)
      .default(4_000)
      .describe(
        'How often workers check for jobs of dead workers, milliseconds; with the default lock, a death is noticed within 12 s',
      ),
    MILLRACE_WORKER_GRACE_MS: milliseconds(0)
      .default(20_000)
      .describe(
        'How long running jobs may continue after SIGTERM before they are handed over to another worker, milliseconds',
      ),
    MILLRACE_WORKER_HEALTH_PORT: integer()
      .min(0)
      .max(65_535)
      .optional()
      .describe('Port of /healthz, /readyz and /metrics; 0: any free port; default: not served'),
    HOST: z.string().default('127.0.0.1').describe('Address that the process listens on'),
  })
  .check(recordOutlivesLog, shardsInUseExist)
  .check(encryptsCheckpoints, hasNamedKms)
  .refine(({ MILLRACE_RETRY_MIN_DELAY_MS: min, MILLRACE_RETRY_MAX_DELAY_MS: max }) => min <= max, {
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
    message: `has an unknown provider (known: ${MODEL_PROVIDERS.join(', ')}); if it is part of the model’s name, set OPENAI_BASE_URL to the server that has the model`,
  });

/** OpenAI's names contain no colon, except those of fine-tuned models (`ft:gpt-4o-mini:team::id`). */
function isKnownToOpenAi(model: string): boolean {
  const { provider, name } = partsOfModel(model);
  return provider !== 'openai' || !name.includes(':') || name.startsWith('ft:');
}

export type WorkerSettings = Readonly<z.output<typeof workerSettingsSchema>>;
