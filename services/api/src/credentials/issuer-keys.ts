import { readFile } from 'node:fs/promises';
import type { Logger } from '@millrace/runtime';
import {
  type CryptoKey,
  createRemoteJWKSet,
  customFetch,
  errors,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
} from 'jose';
import { Unavailable } from '../http/problem.ts';
import { boundedFetch } from './bounded-fetch.ts';

/** The shortest time between two fetches for keys that tokens name, milliseconds: tokens with made-up ids must not become
 *  requests to the issuer. */
const COOLDOWN_MS = 30_000;
/** As long as there is no set at all. */
const FIRST_COOLDOWN_MS = 1_000;
/** How often the set is fetched anyway, so that withdrawn keys go, milliseconds. */
const REFRESH_MS = 600_000;
const TIMEOUT_MS = 5_000;
/** A set of keys has a few kilobytes. */
const MAX_BYTES = 1024 * 1024;

/** The public keys of an issuer, from a URL or a file. A set stays in use until the issuer gives another. */
export class IssuerKeys {
  readonly #set: ReturnType<typeof createRemoteJWKSet>;
  readonly #refreshTimer: NodeJS.Timeout;
  /** the fetch that brought an unusable key */
  #reported: object | null = null;
  #attempt: { readonly at: number; readonly outcome: Promise<void> } | null = null;

  /** @param location `https://…`, `http://…` or the path of a file
   *  @param now a clock that only goes forward, milliseconds */
  constructor(
    location: string,
    private readonly logger: Logger,
    private readonly now: () => number = () => performance.now(),
  ) {
    const isUrl = /^https?:/.test(location);
    const fromUrl = (url: string, options: RequestInit) => boundedFetch(url, options, MAX_BYTES);
    const fromFile = async () => new Response(await readFile(location, 'utf8'));
    this.#set = createRemoteJWKSet(new URL(isUrl ? location : 'file:///'), {
      ...{
        timeoutDuration: TIMEOUT_MS,
        cooldownDuration: Number.POSITIVE_INFINITY,
        cacheMaxAge: Number.POSITIVE_INFINITY,
      },
      [customFetch]: isUrl ? fromUrl : fromFile,
    });
    this.#refreshTimer = setInterval(() => this.#fetchOnce(0).catch(() => {}), REFRESH_MS).unref();
  }

  /** @returns the key that signed a token: the parameter that `jose` verifies with
   *  @throws Unavailable there was no set yet, and the issuer cannot be reached
   *  @throws JOSEError no key of the issuer can have signed it */
  readonly resolve = async (header?: JWSHeaderParameters, token?: FlattenedJWSInput): Promise<CryptoKey> => {
    if (this.#set.jwks() === undefined) await this.#fetchFirst();
    try {
      return await this.#keyOf(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    // the issuer may have a new one
    await this.#fetchOnce(COOLDOWN_MS).catch(() => {});
    return this.#keyOf(header, token);
  };

  /** Logs that a key cannot be imported or verified with, once for each set: callers could fill the log. */
  reportUnusable(error: unknown): void {
    if (this.#reported === this.#attempt) return;
    this.#reported = this.#attempt;
    this.logger.warn({ err: error }, 'a key of the issuer cannot be used');
  }

  close(): void {
    clearInterval(this.#refreshTimer);
  }

  /** @throws JOSEError */
  async #keyOf(header?: JWSHeaderParameters, token?: FlattenedJWSInput): Promise<CryptoKey> {
    try {
      return await this.#set(header, token);
    } catch (error) {
      if (error instanceof errors.JOSEError) throw error;
      // what the runtime throws for a key that it cannot import
      this.reportUnusable(error);
      throw new errors.JWKSInvalid('the key of the issuer cannot be used', { cause: error });
    }
  }

  async #fetchFirst(): Promise<void> {
    try {
      await this.#fetchOnce(FIRST_COOLDOWN_MS);
    } catch (error) {
      throw new Unavailable({ cause: error });
    }
  }

  /** @param cooldownMs a fetch that began within that time counts */
  #fetchOnce(cooldownMs: number): Promise<void> {
    if (this.#attempt === null || this.now() - this.#attempt.at >= cooldownMs) {
      const outcome = this.#set.reload().catch((error: unknown) => {
        this.logger.warn({ err: error }, 'the keys of the issuer cannot be fetched');
        throw error;
      });
      this.#attempt = { at: this.now(), outcome };
    }
    return this.#attempt.outcome;
  }
}
