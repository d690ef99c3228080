import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { KMS_ID, type MasterKeySetting } from '@millrace/contracts';

/** What wraps the data keys of tenants: a master key of the settings, or a key management service. */
export interface KeyWrapper {
  wrap(tenant: string, bytes: Uint8Array): Promise<Uint8Array>;
  /** @throws Error it cannot */
  unwrap(tenant: string, bytes: Uint8Array): Promise<Uint8Array>;
}

type Question = (kms: KeyWrapper) => Promise<Uint8Array>;

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** How long a key management service may take for one key, and how often it is asked again, milliseconds. */
const KMS_ANSWER_MS = 3_000;
const KMS_PAUSES_MS = [250];

/** A question that takes this long and fails had no answer, milliseconds. */
const KMS_SILENT_MS = 1_000;

/** Questions in a row without an answer after which it is not this tenant's key alone. */
const KMS_MOST_UNANSWERED = 3;

/** A master key of the settings. */
export class MasterKey implements KeyWrapper {
  readonly #key: KeyObject;

  /** @param key 32 bytes in base64 */
  constructor(
    readonly id: string,
    key: string,
  ) {
    this.#key = createSecretKey(Buffer.from(key, 'base64'));
  }

  async wrap(tenant: string, bytes: Uint8Array): Promise<Uint8Array> {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce).setAAD(this.#about(tenant));
    return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  }

  async unwrap(tenant: string, bytes: Uint8Array): Promise<Uint8Array> {
    const end = bytes.length - TAG_BYTES;
    const decipher = createDecipheriv(ALGORITHM, this.#key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(this.#about(tenant)).setAuthTag(bytes.subarray(end));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, end)), decipher.final()]);
  }

  #about(tenant: string): Buffer {
    return Buffer.from(`millrace data key\n${tenant}`);
  }
}

/** A module with the functions `wrap` and `unwrap`, which ask a key management service.
 *
 *  Who asks for many keys of a service that hangs must not wait for each: once a question of a tenant, or some in a row of any, had
 *  no answer, the next fail at once. One at a time is asked all the same, and its answer ends that. */
export class KmsModule implements KeyWrapper {
  readonly #path: string;
  #loaded: Promise<KeyWrapper> | null = null;
  /** tenants whose last question had no answer */
  readonly #silentFor = new Set<string>();
  /** questions in a row that had none */
  #unanswered = 0;
  #isProbing = false;

  /** @param path relative to the working directory */
  constructor(path: string) {
    this.#path = path;
  }

  /** @throws Error it cannot be loaded, or lacks a function */
  load(): Promise<KeyWrapper> {
    this.#loaded ??= this.#import();
    return this.#loaded;
  }

  wrap(tenant: string, bytes: Uint8Array): Promise<Uint8Array> {
    return this.#ask(tenant, (kms) => kms.wrap(tenant, bytes));
  }

  unwrap(tenant: string, bytes: Uint8Array): Promise<Uint8Array> {
    return this.#ask(tenant, (kms) => kms.unwrap(tenant, bytes));
  }

  async #ask(tenant: string, question: Question): Promise<Uint8Array> {
    const kms = await this.load();
    if (!this.#silentFor.has(tenant) && this.#unanswered < KMS_MOST_UNANSWERED) {
      return this.#tried(tenant, () => question(kms), KMS_PAUSES_MS);
    }
    if (!this.#isProbing) {
      this.#isProbing = true;
      this.#tried(tenant, () => question(kms), [])
        .catch(() => undefined) // it is as silent as before
        .finally(() => {
          this.#isProbing = false;
        });
    }
    throw new Error('the key management service has not answered of late');
  }

  async #tried(tenant: string, question: () => Promise<Uint8Array>, pauses: readonly number[]): Promise<Uint8Array> {
    for (let tries = 0; ; tries += 1) {
      const askedAt = performance.now();
      try {
        const answer = Buffer.from(await inTime(question()));
        this.#hear(tenant);
        return answer;
      } catch (error) {
        const pause = pauses[tries];
        if (pause !== undefined) {
          await new Promise((done) => setTimeout(done, pause));
          continue;
        }
        // a quick refusal is an answer
        if (performance.now() - askedAt < KMS_SILENT_MS) this.#hear(tenant);
        else this.#missAnswer(tenant);
        throw error;
      }
    }
  }

  #hear(tenant: string): void {
    this.#silentFor.delete(tenant);
    this.#unanswered = 0;
  }

  #missAnswer(tenant: string): void {
    this.#silentFor.add(tenant);
    this.#unanswered += 1;
  }

  async #import(): Promise<KeyWrapper> {
    const loaded = (await import(pathToFileURL(resolve(this.#path)).href)) as Partial<KeyWrapper>;
    const { wrap, unwrap } = loaded;
    if (typeof wrap !== 'function' || typeof unwrap !== 'function') {
      throw new TypeError(`MILLRACE_ENCRYPTION_KMS: ${this.#path} must export the functions wrap and unwrap`);
    }
    return { wrap, unwrap };
  }
}

async function inTime(answer: Promise<Uint8Array>): Promise<Uint8Array> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('the key management service did not answer')), KMS_ANSWER_MS);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** @param keys may name the key management service: otherwise it comes first
 *  @returns what wraps data keys, by id; the first wraps new ones */
export function keyWrappers(keys: readonly MasterKeySetting[], kms: KmsModule | null): ReadonlyMap<string, KeyWrapper> {
  const named = keys.flatMap(({ id, key }): [string, KeyWrapper][] => {
    const wrapper = key === null ? kms : new MasterKey(id, key);
    return wrapper === null ? [] : [[id, wrapper]];
  });
  const isNamed = kms === null || named.some(([id]) => id === KMS_ID);
  return new Map(isNamed ? named : [[KMS_ID, kms], ...named]);
}
