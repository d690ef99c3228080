import { z } from 'zod';

/** What wraps the data keys of tenants. */
export interface MasterKeySetting {
  readonly id: string;
  /** 32 bytes in base64; null: the key management service has it */
  readonly key: string | null;
}

const MASTER_KEY = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/]{43}=)$/;
/** Stands for the key management service where data keys name what wraps them. */
export const KMS_ID = 'kms';

/** Encryption of what is stored: read by both services, the same everywhere. */
export const encryptionSettings = {
  MILLRACE_ENCRYPTION_KEYS: z
    .string()
    .default('')
    .transform((text, context): readonly MasterKeySetting[] => {
      const parsed = parseMasterKeys(text);
      if (typeof parsed !== 'string') return parsed;
      context.addIssue({ code: 'custom', message: parsed });
      return z.NEVER;
    })
    .describe(
      'Encrypts what is stored in Redis: master keys `id:key`, comma-separated, each 32 random bytes in base64. The first is in use, the others are those before or after it; `kms` alone stands for MILLRACE_ENCRYPTION_KMS',
    ),
  MILLRACE_ENCRYPTION_KMS: z
    .string()
    .optional()
    .describe(
      'Module (a path) that exports wrap(tenant, bytes) and unwrap(tenant, bytes): a key management service in place of a master key. It is the first, unless MILLRACE_ENCRYPTION_KEYS names it elsewhere',
    ),
  MILLRACE_ENCRYPTION: z
    .enum(['seal', 'open'])
    .default('seal')
    .describe(
      'With keys or a KMS: `seal` encrypts what is stored from now on; `open` only reads what is encrypted, for the time in which not all processes have the keys',
    ),
};

type EncryptionSettings = z.output<z.ZodObject<typeof encryptionSettings>>;

/** What turns encryption on, in the shape that the cipher takes. */
export function encryptionOptions(settings: EncryptionSettings) {
  return {
    masterKeys: settings.MILLRACE_ENCRYPTION_KEYS,
    kms: settings.MILLRACE_ENCRYPTION_KMS ?? null,
    seals: settings.MILLRACE_ENCRYPTION === 'seal',
  };
}

const checkpointsAndKeys = z.object({
  MILLRACE_CHECKPOINTS: z.string(),
  MILLRACE_ENCRYPTION_KEYS: z.array(z.unknown()).readonly(),
  MILLRACE_ENCRYPTION_KMS: z.string().optional(),
});

/** LangGraph’s own saver for PostgreSQL encrypts nothing, so a deployment must not believe that it does.
 *  `z.object({ ...threadSettings, ...encryptionSettings }).check(encryptsCheckpoints)` */
export const encryptsCheckpoints = z.refine<z.output<typeof checkpointsAndKeys>>(
  (settings) =>
    settings.MILLRACE_CHECKPOINTS === 'redis' ||
    (settings.MILLRACE_ENCRYPTION_KEYS.length === 0 && settings.MILLRACE_ENCRYPTION_KMS === undefined),
  {
    path: ['MILLRACE_ENCRYPTION_KEYS'],
    message:
      'neither this nor MILLRACE_ENCRYPTION_KMS goes with checkpoints in PostgreSQL, which would not be encrypted',
    when: ({ value }) => checkpointsAndKeys.safeParse(value).success,
  },
);

/** A place for the key management service needs one. `.check(hasNamedKms)` */
export const hasNamedKms = z.refine<Pick<EncryptionSettings, 'MILLRACE_ENCRYPTION_KEYS' | 'MILLRACE_ENCRYPTION_KMS'>>(
  (settings) =>
    settings.MILLRACE_ENCRYPTION_KMS !== undefined ||
    settings.MILLRACE_ENCRYPTION_KEYS.every(({ key }) => key !== null),
  {
    path: ['MILLRACE_ENCRYPTION_KEYS'],
    message: `names "${KMS_ID}", but MILLRACE_ENCRYPTION_KMS is not set`,
  },
);

/** @returns the keys, or what is wrong with them; never a part of a key */
function parseMasterKeys(text: string): MasterKeySetting[] | string {
  const keys: MasterKeySetting[] = [];
  const entries = text.split(',').flatMap((entry) => entry.trim() || []);
  for (const [place, entry] of entries.entries()) {
    const [, id, key] = entry === KMS_ID ? [entry, KMS_ID, null] : (MASTER_KEY.exec(entry) ?? []);
    if (id === undefined || key === undefined) {
      return `must be id:key, comma-separated, with ids of letters, digits, "_" and "-", and keys of 32 bytes in base64 (openssl rand -base64 32); entry ${place + 1} is not`;
    }
    if (id === KMS_ID && key !== null) return `must not name a key "${KMS_ID}": it stands for MILLRACE_ENCRYPTION_KMS`;
    if (keys.some((other) => other.id === id)) return `must not name two keys "${id}"`;
    keys.push({ id, key });
  }
  return keys;
}
