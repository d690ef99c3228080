import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServiceName } from '@millrace/testing';
import { redisAcl } from '../../infra/redis/render-acl.mjs';

const PASSWORDS: Readonly<Record<ServiceName, string>> = { api: 'secret-of-the-api', worker: 'secret-of-the-worker' };

/** The users of infra/redis, for Redis servers of a test. The test itself needs no password and may do everything. */
export class RedisUsers implements AsyncDisposable {
  private constructor(
    readonly keyPrefix: string,
    private readonly folder: string,
  ) {}

  static async of(keyPrefix: string): Promise<RedisUsers> {
    const users = new RedisUsers(keyPrefix, await mkdtemp(join(tmpdir(), 'millrace-redis-users-')));
    const lines = redisAcl({ keyPrefix, passwords: { admin: 'nobody', ...PASSWORDS } }).split('\n');
    // without its line, the default user is as open as Redis makes it
    await writeFile(users.#file, lines.filter((line) => !line.startsWith('user default ')).join('\n'));
    return users;
  }

  get #file(): string {
    return join(this.folder, 'users.acl');
  }

  /** Arguments of each `redis-server`. */
  get serverArgs(): readonly string[] {
    return ['--aclfile', this.#file];
  }

  /** The URL for a service, made of one for everybody; of several, as in REDIS_URLS, each. */
  urlOf(name: ServiceName, url: string): string {
    return url.replaceAll('://', `://millrace-${name}:${PASSWORDS[name]}@`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
