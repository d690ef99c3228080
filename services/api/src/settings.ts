import {
  archiveSettings,
  encryptionSettings,
  encryptsCheckpoints,
  hasNamedKms,
  integer,
  keySettings,
  milliseconds,
  modelSettings,
  priceSettings,
  recordOutlivesLog,
  slotSettings,
  streamLogSettings,
  threadSettings,
  webhookSettings,
} from '@millrace/contracts';
import { logSettings, redisSettings, shardsInUseExist } from '@millrace/runtime';
import { traceSettings } from '@millrace/telemetry';
import { z } from 'zod';
import { parseApiKeys } from './api-keys.ts';
import { hostNameOf } from './http/host-name.ts';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** The algorithms with a public key, RFC 7518 §3.1 and RFC 8037. A secret that issuer and node share signs no JWT here. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

const jwtSettings = {
  MILLRACE_JWT_ISSUER: z.string().optional().describe('With MILLRACE_AUTH=jwt: the issuer, as tokens name it (`iss`)'),
  MILLRACE_JWT_AUDIENCE: z.string().optional().describe('With MILLRACE_AUTH=jwt: whom tokens must be for (`aud`)'),
  MILLRACE_JWT_JWKS: z
    .string()
    .optional()
    .describe('With MILLRACE_AUTH=jwt: the issuer’s public keys (JWKS), as a URL or a file'),
  MILLRACE_JWT_ALGORITHMS: z
    .string()
    .default('RS256,ES256,EdDSA')
    .transform((text) => text.split(',').flatMap((name) => name.trim() || []))
    .refine(
      (names) => names.length > 0 && names.every((name) => ALGORITHMS.includes(name)),
      `must be of ${ALGORITHMS.join(', ')}`,
    )
    .describe('Signatures that are accepted, comma-separated, whatever a token says'),
  MILLRACE_JWT_TENANT_CLAIM: z
    .string()
    .default('tenant')
    .describe('Claim that names the tenant; dots lead into objects (`app.tenant`)'),
  MILLRACE_JWT_ROLE_CLAIM: z
    .string()
    .default('role')
    .describe('Claim that names the role or several: user, manager, admin; without it: user'),
};

/** The environment of one API process. Parsed once, in main.ts; the tables of settings are made from it. */
export const apiSettingsSchema = z
  .object({
    PORT: integer().min(0).max(65_535).default(8080).describe('Port the API listens on; 0: any free one'),
    HOST: z.string().default('127.0.0.1').describe('Address the API listens on'),
    ...redisSettings,
    ...keySettings,
    ...logSettings,
    ...streamLogSettings,
    ...archiveSettings,
    ...threadSettings,
    ...webhookSettings,
    ...encryptionSettings,
    ...traceSettings,
    MILLRACE_AUTH: z
      .string()
      .transform((text) => text.split(',').flatMap((kind) => kind.trim() || []))
      .refine(
        (kinds) => kinds.every((kind) => isKind(kind) || (kind === 'none' && kinds.length === 1)),
        'must be none, apikey, jwt or apikey,jwt',
      )
      .transform((kinds) => kinds.filter(isKind))
      .optional()
      .describe(
        'Who may call: none (everybody is an admin; must be set explicitly beyond loopback), apikey, jwt, or both, comma-separated',
      ),
    MILLRACE_API_KEYS: z
      .string()
      .default('')
      .transform((text, context) => {
        const parsed = parseApiKeys(text);
        if (parsed.ok) return parsed.keys;
        context.addIssue({ code: 'custom', message: parsed.problem });
        return z.NEVER;
      })
      .describe(
        'With MILLRACE_AUTH=apikey: tenant:role:secret,… with role user, manager or admin, and secrets of at least 16 characters',
      ),
    ...jwtSettings,
    MILLRACE_TOKEN_SECRET: z
      .string()
      .min(32)
      .optional()
      .describe(
        'Signs the tokens of POST /tokens, the same on all nodes, 32 characters at least. Default: made once, kept in Redis',
      ),
    ...modelSettings,
    ...priceSettings,
    MILLRACE_MODELS: z
      .string()
      .default('')
      .transform((text) => text.split(',').flatMap((name) => name.trim() || []))
      .describe(
        'Models that requests may name, comma-separated, besides the default model; openai:* is any model of a provider',
      ),
    MILLRACE_MAX_BODY_BYTES: integer().min(1024).default(1_048_576).describe('Largest request body, bytes'),
    MILLRACE_MAX_CONNECTIONS: integer()
      .min(1)
      .optional()
      .describe(
        'Most connections of clients at a time; further ones are closed. Default: what the limit of open files allows',
      ),
    MILLRACE_MAX_QUEUED_JOBS: integer().min(1).default(10_000).describe('Queued jobs before new ones get 503'),
    MILLRACE_MAX_JOBS_PER_TENANT: integer()
      .min(1)
      .default(1000)
      .describe('Unfinished jobs of one tenant before its new ones get 429'),
    MILLRACE_MAX_REQUESTS_PER_MINUTE_PER_TENANT: integer()
      .min(1)
      .optional()
      .describe(
        'Requests of one tenant within a minute, on all nodes together, before the next one gets 429; those that watch or cancel do not count. Default: no limit',
      ),
    MILLRACE_MAX_STORED_BYTES_PER_TENANT: integer()
      .min(1_048_576)
      .optional()
      .describe(
        'Bytes that one tenant’s prompts, answers, records and threads may use in Redis, with its checkpoints in PostgreSQL, before its new jobs get 429. Default: with keys a share of Redis’s maxmemory (80 %, divided by the number of tenants with keys, at most by 4), or 1 GiB without maxmemory; without keys no limit',
      ),
    MILLRACE_MAX_TOKENS_PER_DAY_PER_TENANT: integer()
      .min(1)
      .optional()
      .describe('Tokens that one tenant may use on a day (UTC) before its new jobs get 429; default: no limit'),
    ...slotSettings,
    MILLRACE_MAX_STREAMS_PER_TENANT: integer()
      .min(1)
      .default(1000)
      .describe('Open streams of one tenant on all nodes, including waiting requests, before its next one gets 429'),
    MILLRACE_MAX_TIMEOUT_MS: milliseconds(1)
      .default(600_000)
      .describe('Longest duration of an attempt, milliseconds; caps timeoutMs and is its default'),
    MILLRACE_MAX_WAIT_MS: milliseconds(0)
      .default(300_000)
      .describe('Longest time that a request with Prefer: wait stays open, milliseconds'),
    MILLRACE_HEARTBEAT_MS: milliseconds(100)
      .default(15_000)
      .describe('Time between two heartbeats on a stream, milliseconds'),
    MILLRACE_RETRY_MS: milliseconds(0)
      .default(1_000)
      .describe('How long clients should wait before they reconnect, milliseconds'),
    MILLRACE_STALL_TIMEOUT_MS: milliseconds(100)
      .default(15_000)
      .describe('How long a reader may take nothing before it is disconnected, milliseconds'),
    MILLRACE_DISCONNECT_GRACE_MS: milliseconds(100)
      .default(5_000)
      .describe('With onDisconnect: cancel, how long a job continues while nobody watches it, milliseconds'),
    MILLRACE_DRAIN_MS: milliseconds(0)
      .default(5_000)
      .describe('On shutdown, the window over which open streams are closed, milliseconds'),
    MILLRACE_LINGER_MS: milliseconds(0)
      .default(5_000)
      .describe(
        'On shutdown, how long new connections are still accepted, and then how long idle ones are kept, milliseconds: longer than a proxy keeps them; 0 without a proxy',
      ),
    MILLRACE_SWEEP_MS: milliseconds(100)
      .default(5_000)
      .describe('Time between two sweeps for jobs that are missing from the queue, milliseconds, with jitter'),
    MILLRACE_CORS_ORIGINS: z
      .string()
      .default('')
      .transform((text) => text.split(',').flatMap((origin) => origin.trim() || []))
      .refine((origins) => origins.every(isOrigin), 'must be origins like https://chat.example, without a path')
      .describe('Origins whose pages may call, comma-separated, or * with keys; empty: CORS is off'),
    MILLRACE_ALLOWED_HOSTS: z
      .string()
      .default('')
      .transform((text) => text.split(',').flatMap((name) => name.trim().toLowerCase() || []))
      .refine((names) => names.every(isHostName), 'must be names or addresses without a port, like chat.example')
      .describe(
        'Without keys: names of the service, comma-separated, besides loopback names and HOST; ignored with keys',
      ),
    MILLRACE_TRACE_URL: z
      .string()
      .refine((url) => /^https?:\/\//.test(url) && url.includes('{traceId}'), 'must be a URL that has {traceId}')
      .optional()
      .describe('Where the console links to the trace of a job: a URL with `{traceId}`. Default: no link'),
    MILLRACE_AUDIT_FILE: z
      .string()
      .optional()
      .describe('File that the lines of the audit log are added to. Default: among the other lines of the log'),
    MILLRACE_WEB_ROOT: z.string().optional().describe('Folder of the built web page, which is served at /'),
    MILLRACE_DEMONSTRATION: z
      .enum(['kill-worker'])
      .optional()
      .describe(
        'Given by `npm start` alone, which obeys: its page then has a button that kills the worker of an answer. Only with a loopback HOST, and without keys',
      ),
  })
  .check(recordOutlivesLog, shardsInUseExist)
  .check(encryptsCheckpoints, hasNamedKms)
  .superRefine((settings, context) => {
    if (settings.MILLRACE_AUTH === undefined && !LOOPBACK.has(settings.HOST)) {
      context.addIssue({
        code: 'custom',
        path: ['MILLRACE_AUTH'],
        message: `must be set when HOST is not loopback: everybody who reaches ${settings.HOST} would be admin`,
      });
    }
    if (settings.MILLRACE_DEMONSTRATION !== undefined && (!LOOPBACK.has(settings.HOST) || needsCredentials(settings))) {
      context.addIssue({
        code: 'custom',
        path: ['MILLRACE_DEMONSTRATION'],
        message:
          'must not be set when HOST is not loopback, or with MILLRACE_AUTH: it is for trying out on one machine',
      });
    }
    const kinds = settings.MILLRACE_AUTH ?? [];
    if (!kinds.includes('apikey') && settings.MILLRACE_API_KEYS.length > 0) {
      context.addIssue({
        code: 'custom',
        path: ['MILLRACE_AUTH'],
        message: 'must be apikey when MILLRACE_API_KEYS is set: without it the keys would protect nothing',
      });
    }
    if (kinds.length === 0 && settings.MILLRACE_CORS_ORIGINS.includes('*')) {
      context.addIssue({
        code: 'custom',
        path: ['MILLRACE_CORS_ORIGINS'],
        message: 'must name the origins when MILLRACE_AUTH is none: with * every page in a browser would be admin',
      });
    }
    for (const name of ['MILLRACE_JWT_ISSUER', 'MILLRACE_JWT_AUDIENCE', 'MILLRACE_JWT_JWKS'] as const) {
      if (kinds.includes('jwt') && settings[name] === undefined) {
        context.addIssue({ code: 'custom', path: [name], message: 'is required when MILLRACE_AUTH has jwt' });
      }
      if (!kinds.includes('jwt') && settings[name] !== undefined) {
        context.addIssue({ code: 'custom', path: [name], message: 'protects nothing unless MILLRACE_AUTH has jwt' });
      }
    }
    if (settings.MILLRACE_MAX_TIMEOUT_MS > settings.MILLRACE_UNFINISHED_RETENTION_SECONDS * 1_000) {
      context.addIssue({
        code: 'custom',
        path: ['MILLRACE_MAX_TIMEOUT_MS'],
        message: 'must not be longer than MILLRACE_UNFINISHED_RETENTION_SECONDS: a silent job would be forgotten',
      });
    }
    if (kinds.join() === 'apikey' && settings.MILLRACE_API_KEYS.length === 0) {
      context.addIssue({
        code: 'custom',
        path: ['MILLRACE_API_KEYS'],
        message: 'must hold a key when MILLRACE_AUTH is apikey',
      });
    }
  });

/** Whether callers must present a credential. Without, everybody is an admin of the one tenant. */
export function needsCredentials({ MILLRACE_AUTH: kinds = [] }: Pick<ApiSettings, 'MILLRACE_AUTH'>): boolean {
  return kinds.length > 0;
}

function isKind(word: string): word is 'apikey' | 'jwt' {
  return word === 'apikey' || word === 'jwt';
}

function isOrigin(text: string): boolean {
  return text === '*' || (URL.canParse(text) && new URL(text).origin === text);
}

function isHostName(text: string): boolean {
  return /^([a-z0-9._-]+|\[[0-9a-f:.]+\])$/.test(text) && hostNameOf(text) === text;
}

export type ApiSettings = Readonly<z.output<typeof apiSettingsSchema>>;
