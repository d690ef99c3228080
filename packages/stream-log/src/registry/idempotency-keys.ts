import { createHash } from 'node:crypto';
import { jobRef, MAX_DELAY_MS } from '@millrace/contracts';
import type { LogLimits } from '../log/record.ts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

/** Keys that Redis looks at in one step of a scan. */
const SCANNED = 1_000;

/** Of a SHA-256 in base64url. */
const DIGEST_CHARACTERS = 43;

/** Which job id a tenant's idempotency key stands for. */
export class IdempotencyKeys {
  readonly #run: RunScript;
  /** how long a key is kept after its last use, ms: it must outlive the job that it stands for */
  readonly #retentionMs: number;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    limits: Pick<LogLimits, 'recordRetentionMs' | 'unfinishedRetentionMs'>,
  ) {
    this.#run = scriptsOf(redis);
    this.#retentionMs = MAX_DELAY_MS + limits.unfinishedRetentionMs + limits.recordRetentionMs;
  }

  /** @returns the job id that the key stands for; null for a new key. Writes nothing. */
  find(tenant: string, key: string): Promise<string | null> {
    return this.redis.get(this.#name(tenant, key));
  }

  /** Keeps a key from now on as long as a new one.
   *  @returns the job id that the key stands for; null for a new key, which is not stored */
  renew(tenant: string, key: string): Promise<string | null> {
    return this.redis.getex(this.#name(tenant, key), 'PX', this.#retentionMs);
  }

  /** The first caller decides; all others get the same id, at once or later.
   *  @param candidate the id that a new key is to stand for */
  async reserve(tenant: string, key: string, candidate: string): Promise<string> {
    const name = this.#name(tenant, key);
    const held = await this.redis.set(name, candidate, 'PX', this.#retentionMs, 'NX', 'GET');
    if (held === null) return candidate;
    await this.redis.pexpire(name, this.#retentionMs);
    return held;
  }

  /** Deletes a key whose request was refused, or whose job was erased, unless it stands for another id.
   *  @param digest of the key, see {@link digestOf} */
  async unreserve(tenant: string, digest: string, jobId: string): Promise<void> {
    await this.#run('unreserve', [this.keys.idempotency(tenant, digest)], [jobId]);
  }

  /** Whether the lists of a tenant have a job. */
  async isListed(tenant: string, jobId: string): Promise<boolean> {
    return (await this.redis.zscore(this.keys.jobsOf(tenant), jobRef(tenant, jobId))) !== null;
  }

  /** Deletes the keys of a tenant whose jobs are not listed any more: when records expire, nobody else knows their keys. Scans all
   *  of Redis.
   *  @param isListed of a job of the tenant, if the lists of this Redis are not all */
  async forgetTenant(
    tenant: string,
    isListed: (jobId: string) => Promise<boolean> = (jobId) => this.isListed(tenant, jobId),
  ): Promise<void> {
    const { redis } = this;
    const [beginning = '', end = ''] = this.keys.idempotency(tenant, '\0').split('\0');
    const match = `${beginning.replaceAll(/[*?[\]^\\]/g, '\\$&')}*${end}`;
    for (const node of 'nodes' in redis ? redis.nodes('master') : [redis]) {
      for await (const page of node.scanStream({ match, count: SCANNED })) {
        const digests = (page as string[]).map((name) => name.slice(beginning.length, -end.length));
        // another tenant's name may go on with what follows this one's
        const own = digests.filter((digest) => digest.length === DIGEST_CHARACTERS);
        await Promise.all(own.map((digest) => this.#forget(tenant, digest, isListed)));
      }
    }
  }

  /** What stands for a job that is listed was sent after the erasure had seen the list. */
  async #forget(tenant: string, digest: string, isListed: (jobId: string) => Promise<boolean>): Promise<void> {
    const jobId = await this.redis.get(this.keys.idempotency(tenant, digest));
    if (jobId !== null && !(await isListed(jobId))) await this.unreserve(tenant, digest, jobId);
  }

  #name(tenant: string, key: string): string {
    return this.keys.idempotency(tenant, digestOf(tenant, key));
  }
}

/** What Redis keeps of an idempotency key: callers may put a secret into it. */
export function digestOf(tenant: string, key: string): string {
  return createHash('sha256').update(`${tenant}\0${key}`).digest('base64url');
}
