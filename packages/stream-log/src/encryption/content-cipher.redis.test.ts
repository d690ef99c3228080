import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, newKeyPrefix, startRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { ContentUnreadable } from '../errors.ts';
import { KeySpace } from '../redis/keys.ts';
import { ContentCipher } from './content-cipher.ts';
import { type KeyWrapper, MasterKey } from './master-keys.ts';
import { TenantKeys } from './tenant-keys.ts';

let server: Awaited<ReturnType<typeof startRedis>>;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});

afterAll(async () => {
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

function masterKey(id: string): MasterKey {
  return new MasterKey(id, randomBytes(32).toString('base64'));
}

/** Processes of one deployment. */
class Deployment implements Disposable {
  readonly keys = new KeySpace(newKeyPrefix());
  readonly #ciphers: ContentCipher[] = [];

  process(wrappers: Readonly<Record<string, KeyWrapper>>, seals = true): ContentCipher {
    const cipher = new ContentCipher(new TenantKeys(redis, this.keys, new Map(Object.entries(wrappers))), seals);
    this.#ciphers.push(cipher);
    return cipher;
  }

  [Symbol.dispose](): void {
    for (const cipher of this.#ciphers) cipher.close();
  }
}

async function seal(cipher: ContentCipher, tenant: string, text: string): Promise<string> {
  const sealer = await cipher.at(tenant, 'place').sealer();
  if (sealer === null) throw new Error('it does not seal');
  return sealer.seal(text, 'about');
}

function open(cipher: ContentCipher, tenant: string, sealed: string): Promise<string> {
  return cipher.at(tenant, 'place').open(sealed, 'about');
}

function reasonOf(opened: Promise<unknown>): Promise<unknown> {
  return opened.then(
    () => 'opened',
    (error: unknown) => (error instanceof ContentUnreadable ? error.reason : error),
  );
}

describe('a tenant’s data key', () => {
  it('is made once, however many processes need it at once', async () => {
    using deployment = new Deployment();
    const wrappers = { m1: masterKey('m1') };
    const processes = Array.from({ length: 5 }, () => deployment.process(wrappers));
    const sealed = await Promise.all(processes.map((cipher) => seal(cipher, 'a', 'text')));
    for (const text of sealed) for (const cipher of processes) expect(await open(cipher, 'a', text)).toBe('text');
    expect(await redis.hlen(deployment.keys.dataKeys)).toBe(1);
  });

  it('opens nothing of another tenant', async () => {
    using deployment = new Deployment();
    const cipher = deployment.process({ m1: masterKey('m1') });
    const sealed = await seal(cipher, 'a', 'text');
    await seal(cipher, 'b', 'text');
    expect(await reasonOf(open(cipher, 'b', sealed))).toBe('destroyed');
    // not even with the other’s wrapped key in its place
    await redis.hset(deployment.keys.dataKeys, 'b', (await redis.hget(deployment.keys.dataKeys, 'a')) ?? '');
    expect(await reasonOf(open(deployment.process({ m1: masterKey('m1') }), 'b', sealed))).toBe('unavailable');
  });

  it('is gone everywhere within seconds once destroyed, and the next is another', async () => {
    using deployment = new Deployment();
    const wrappers = { m1: masterKey('m1') };
    const [one, other] = [deployment.process(wrappers), deployment.process(wrappers)];
    const sealed = await seal(one, 'a', 'text');
    const read = other.at('a', 'place');
    expect(await read.open(sealed, 'about')).toBe('text');
    await one.destroy('a');
    expect(await reasonOf(open(one, 'a', sealed))).toBe('destroyed');
    await eventually(async () => (await reasonOf(open(other, 'a', sealed))) === 'destroyed');
    const after = await seal(other, 'a', 'new');
    expect(await open(one, 'a', after)).toBe('new');
    expect(await reasonOf(open(one, 'a', sealed))).toBe('destroyed');
  });

  it('seals again with the key that something was sealed with', async () => {
    using deployment = new Deployment();
    const cipher = deployment.process({ m1: masterKey('m1') });
    const place = cipher.at('a', 'place');
    const first = await seal(cipher, 'a', 'text');
    const again = await place.sealer(first);
    expect(await open(cipher, 'a', again?.seal('more', 'about') ?? '')).toBe('more');
  });
});

describe('plain content', () => {
  it('stays readable', async () => {
    using deployment = new Deployment();
    expect(await open(deployment.process({ m1: masterKey('m1') }), 'a', '{"plain":1}')).toBe('{"plain":1}');
  });

  it('is what a process writes that only opens', async () => {
    using deployment = new Deployment();
    const wrappers = { m1: masterKey('m1') };
    const sealed = await seal(deployment.process(wrappers), 'a', 'text');
    const opens = deployment.process(wrappers, false);
    expect(await open(opens, 'a', sealed)).toBe('text');
    expect(await opens.at('a', 'place').sealer()).toBeNull();
  });
});

describe('master keys', () => {
  it('change without a moment at which something cannot be read, and it is told when the old one may go', async () => {
    using deployment = new Deployment();
    const [m1, m2] = [masterKey('m1'), masterKey('m2')];
    const before = deployment.process({ m1 });
    const sealed = await Promise.all(['a', 'b', 'c'].map((tenant) => seal(before, tenant, tenant)));
    const after = deployment.process({ m2, m1 });
    expect(await after.rewrapAll()).toEqual({
      rewrapped: 3,
      unused: ['m1'],
      missing: [],
      wrappedBy: new Map([['m2', 3]]),
    });
    expect(await after.rewrapAll()).toEqual({
      rewrapped: 0,
      unused: ['m1'],
      missing: [],
      wrappedBy: new Map([['m2', 3]]),
    });
    const without = deployment.process({ m2 });
    for (const [place, tenant] of ['a', 'b', 'c'].entries()) {
      for (const cipher of [before, after, without])
        expect(await open(cipher, tenant, sealed[place] ?? '')).toBe(tenant);
    }
  });

  it('are missed by their ids', async () => {
    using deployment = new Deployment();
    await seal(deployment.process({ old: masterKey('old') }), 'a', 'text');
    await expect(deployment.process({ new: masterKey('new') }).checkMasterKeys()).rejects.toThrow('no key "old"');
  });

  it('are noticed to be others under the same id', async () => {
    using deployment = new Deployment();
    await seal(deployment.process({ m1: masterKey('m1') }), 'a', 'text');
    await expect(deployment.process({ m1: masterKey('m1') }).checkMasterKeys()).rejects.toThrow(
      '"m1" does not unwrap the data key',
    );
  });

  it('never bring a destroyed key back', async () => {
    using deployment = new Deployment();
    const [m1, m2] = [masterKey('m1'), masterKey('m2')];
    const old = deployment.process({ m1 });
    const sealed = await seal(old, 'a', 'text');
    let destroyed = false;
    const slow: KeyWrapper = {
      wrap: async (tenant, bytes) => {
        await old.destroy('a');
        destroyed = true;
        return m2.wrap(tenant, bytes);
      },
      unwrap: (tenant, bytes) => m2.unwrap(tenant, bytes),
    };
    const report = await deployment.process({ m2: slow, m1 }).rewrapAll();
    expect([destroyed, report?.rewrapped]).toEqual([true, 0]);
    expect(await redis.hlen(deployment.keys.dataKeys)).toBe(0);
    expect(await reasonOf(open(old, 'a', sealed))).toBe('destroyed');
  });
});
