import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, newKeyPrefix, startRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { ContentUnreadable } from '../errors.ts';
import { KeySpace } from '../redis/keys.ts';
import { ContentCipher } from './content-cipher.ts';
import { type KeyWrapper, MasterKey } from './master-keys.ts';
import { type EncryptionOptions, openContentCipher } from './open-content-cipher.ts';
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

/** What a service opens at its start. */
async function opened(
  masterKeys: EncryptionOptions['masterKeys'],
  connection: Redis,
  keys: KeySpace,
  problems: string[],
  isThere?: () => boolean,
): Promise<ContentCipher> {
  const log = { error: (_: object, message: string) => problems.push(message) };
  const home = isThere === undefined ? {} : { isThere };
  return openContentCipher({ masterKeys, kms: null, seals: true }, connection, keys, log, home);
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

describe('a process', () => {
  it('seals nothing with a key that it asked for before an erasure', async () => {
    using deployment = new Deployment();
    const m1 = masterKey('m1');
    const other = deployment.process({ m1 });
    await seal(other, 'a', 'before');
    const { promise: opened, resolve: openGate } = Promise.withResolvers<void>();
    const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
    const slow: KeyWrapper = {
      wrap: (tenant, bytes) => m1.wrap(tenant, bytes),
      unwrap: async (tenant, bytes) => {
        isAsked();
        await opened;
        return m1.unwrap(tenant, bytes);
      },
    };
    const cipher = deployment.process({ m1: slow });
    const early = seal(cipher, 'a', 'early');
    await asked;
    await other.destroy('a');
    const late = seal(cipher, 'a', 'late');
    openGate();
    const [earlier, later] = await Promise.all([early, late]);
    expect(await open(other, 'a', later)).toBe('late');
    expect(await reasonOf(open(other, 'a', earlier))).toBe('destroyed');
    // nor with what had to be waited for longest
    expect((await cipher.at('a', 'place').sealerAtHand())?.seal('x', 'about').slice(0, 9)).toBe(later.slice(0, 9));
  });

  it('asks nobody again for a key that was only wrapped anew', async () => {
    using deployment = new Deployment();
    const [m1, m2] = [masterKey('m1'), masterKey('m2')];
    const cipher = deployment.process({ m1 });
    const sealed = await seal(cipher, 'a', 'text');
    await deployment.process({ m2, m1 }).rewrapAll();
    // this process has no m2
    expect(await open(cipher, 'a', await seal(cipher, 'a', 'more'))).toBe('more');
    expect(await open(cipher, 'a', sealed)).toBe('text');
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
      current: 'm2',
      unused: ['m1'],
      missing: [],
      malformed: [],
      wrappedBy: new Map([['m2', 3]]),
    });
    expect(await after.rewrapAll()).toMatchObject({ rewrapped: 0, unused: ['m1'] });
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

  it('are found right and changed although data keys are malformed, or one of them was altered', async () => {
    using deployment = new Deployment();
    const [m1, m2] = [masterKey('m1'), masterKey('m2')];
    const before = deployment.process({ m1 });
    const sealed = await seal(before, 'a', 'text');
    const stored = (await redis.hget(deployment.keys.dataKeys, 'a')) ?? '';
    await redis.hset(deployment.keys.dataKeys, { bad: 'nonsense', worse: '', altered: stored });
    const after = deployment.process({ m2, m1 });
    expect(new Set(await after.checkMasterKeys())).toEqual(new Set(['bad', 'worse']));
    const report = await after.rewrapAll();
    expect(new Set(report?.malformed)).toEqual(new Set(['bad', 'worse']));
    expect(report?.rewrapped).toBe(1);
    expect(await open(deployment.process({ m2 }), 'a', sealed)).toBe('text');
    expect(await reasonOf(seal(after, 'bad', 'text'))).toBe('altered');
  });

  it('stop changing when they are told to', async () => {
    using deployment = new Deployment();
    const [m1, m2] = [masterKey('m1'), masterKey('m2')];
    await Promise.all(['a', 'b', 'c'].map((tenant) => seal(deployment.process({ m1 }), tenant, tenant)));
    const stop = new AbortController();
    let asked = 0;
    const stopping: KeyWrapper = {
      wrap: (tenant, bytes) => m2.wrap(tenant, bytes),
      unwrap: (tenant, bytes) => {
        asked += 1;
        stop.abort();
        return m1.unwrap(tenant, bytes);
      },
    };
    expect(await deployment.process({ m2, m1: stopping }).rewrapAll(stop.signal)).toBeNull();
    expect(asked).toBe(1);
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

describe('a service that starts while Redis is away', () => {
  const right = { id: 'm1', key: randomBytes(32).toString('base64') };
  const other = { id: 'm2', key: randomBytes(32).toString('base64') };

  it.each([
    ['right', [right], true],
    ['wrong', [other], false],
    ['missing', [], false],
  ])(
    'encrypts and decrypts nothing before its master keys are checked: they are %s',
    async (_, masterKeys, isRight) => {
      using deployment = new Deployment();
      const sealed = await seal(deployment.process({ m1: new MasterKey('m1', right.key) }), 'a', 'text');
      const connection = new Redis(server.url);
      await connection.quit();
      const problems: string[] = [];
      const cipher = await opened(masterKeys, connection, deployment.keys, problems);
      try {
        const place = cipher.at('a', 'place');
        expect(await reasonOf(place.sealer())).toBe('unavailable');
        await connection.connect();
        if (isRight) {
          await eventually(async () => (await reasonOf(place.open(sealed, 'about'))) === 'opened');
          expect(await place.open(await seal(cipher, 'a', 'more'), 'about')).toBe('more');
        } else {
          await eventually(() => problems.length > 0);
          expect(problems).toEqual(['the master keys are not those of what Redis holds']);
          expect(await reasonOf(place.sealer())).toBe('unavailable');
          // once they are, or nothing needs them any more
          await redis.del(deployment.keys.dataKeys);
          await eventually(async () => (await reasonOf(place.sealer())) === 'opened');
        }
      } finally {
        cipher.close();
        connection.disconnect();
      }
    },
  );
});

describe('a service with several shards that starts while the one with the data keys is away', () => {
  const right = { id: 'm1', key: randomBytes(32).toString('base64') };

  /** A connection that waits until it is told to connect. */
  function patient(): Redis {
    return new Redis(server.url, { lazyConnect: true, enableOfflineQueue: true, maxRetriesPerRequest: null });
  }

  /** Answers to nothing until `arrive` is called. */
  async function startedWithoutHome(masterKeys: EncryptionOptions['masterKeys'], deployment: Deployment) {
    const connection = patient();
    const arrived = Promise.withResolvers<void>();
    for (const name of ['hlen', 'hscan'] as const) {
      const ask = connection[name].bind(connection) as (...args: unknown[]) => Promise<unknown>;
      connection[name] = (async (...args: unknown[]) => {
        await arrived.promise;
        return ask(...args);
      }) as never;
    }
    let isThere = false;
    const problems: string[] = [];
    const cipher = await opened(masterKeys, connection, deployment.keys, problems, () => isThere);
    const arrive = () => {
      isThere = true;
      arrived.resolve();
    };
    const leave = () => {
      isThere = false;
    };
    const end = () => {
      cipher.close();
      connection.disconnect();
    };
    return { cipher, problems, arrive, leave, [Symbol.dispose]: end };
  }

  it('goes on with what is plain, if it has no master key', async () => {
    using deployment = new Deployment();
    using started = await startedWithoutHome([], deployment);
    const place = started.cipher.at('a', 'place');
    expect(await place.sealer()).toBeNull();
    expect(await place.open('plain', 'about')).toBe('plain');
    started.arrive();
    expect(await place.sealer()).toBeNull();
  });

  it('refuses once it proves to lack the master key', async () => {
    using deployment = new Deployment();
    await seal(deployment.process({ m1: new MasterKey('m1', right.key) }), 'a', 'text');
    using started = await startedWithoutHome([], deployment);
    const place = started.cipher.at('a', 'place');
    expect(await place.sealer()).toBeNull();
    started.arrive();
    await eventually(async () => (await reasonOf(place.sealer())) === 'unavailable');
    expect(started.problems).toEqual(['the master keys are not those of what Redis holds']);
  });

  it('waits for no data key, and has it when that shard is back', async () => {
    using deployment = new Deployment();
    const sealed = await seal(deployment.process({ m1: new MasterKey('m1', right.key) }), 'a', 'text');
    using started = await startedWithoutHome([right], deployment);
    expect(started.cipher.isShut).toBe(true);
    expect(await reasonOf(Promise.resolve(started.cipher.warm('a')))).toBe('unavailable');
    started.arrive();
    await eventually(() => !started.cipher.isShut);
    expect(await open(started.cipher, 'a', sealed)).toBe('text');
  });

  it('goes on with the keys that it has in memory when that shard is lost again, and with no other', async () => {
    using deployment = new Deployment();
    const sealed = await seal(deployment.process({ m1: new MasterKey('m1', right.key) }), 'a', 'text');
    using started = await startedWithoutHome([right], deployment);
    started.arrive();
    await eventually(() => !started.cipher.isShut);
    expect(await open(started.cipher, 'a', sealed)).toBe('text');
    started.leave();
    expect(await open(started.cipher, 'a', await seal(started.cipher, 'a', 'more'))).toBe('more');
    expect(await reasonOf(started.cipher.at('b', 'place').sealer())).toBe('unavailable');
  });
});
