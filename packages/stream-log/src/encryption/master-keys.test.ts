import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { eventually, type FaultProxy, startFaultProxy } from '@millrace/testing';
import { KmsModule } from './master-keys.ts';

/** A key management service that wraps a key by leaving it as it is, and refuses the tenant "refused". */
async function withKms(use: (kms: KmsModule, proxy: FaultProxy) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    response.writeHead(request.url?.startsWith('/refused') ? 403 : 200, { connection: 'close' }).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = await mkdtemp(join(tmpdir(), 'millrace-kms-'));
  try {
    await using proxy = await startFaultProxy({ target: (server.address() as AddressInfo).port });
    const path = join(folder, 'kms.mjs');
    const ask = `async (tenant, bytes) => {
      const answer = await fetch('http://127.0.0.1:${proxy.port}/' + tenant);
      if (!answer.ok) throw new Error('refused');
      return bytes;
    }`;
    await writeFile(path, `export const wrap = ${ask};\nexport const unwrap = wrap;\n`);
    await use(new KmsModule(path), proxy);
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
}

const KEY = new Uint8Array([1, 2, 3]);

/** @returns whether each of them got its key */
async function pages(kms: KmsModule, tenants: readonly (readonly string[])[]): Promise<boolean[]> {
  const had: boolean[] = [];
  for (const page of tenants) {
    const asked = await Promise.allSettled(page.map((tenant) => kms.unwrap(tenant, KEY)));
    had.push(...asked.map(({ status }) => status === 'fulfilled'));
  }
  return had;
}

describe('a key management service that hangs', () => {
  it.each([
    ['one tenant', () => ['one']],
    ['many tenants', (page: number) => [0, 1, 2, 3].map((place) => `tenant-${page}-${place}`)],
  ])(
    'holds up who asks for many keys once, and is asked again once it answers: %s',
    async (_, tenantsOf) => {
      await withKms(async (kms, proxy) => {
        proxy.blackhole(true);
        expect(new Set(await pages(kms, [tenantsOf(0)]))).toEqual(new Set([false]));
        const later = Array.from({ length: 10 }, (_each, page) => tenantsOf(page + 1));
        const startedAt = performance.now();
        expect(new Set(await pages(kms, later))).toEqual(new Set([false]));
        // a page that waits takes three seconds at least
        expect(performance.now() - startedAt).toBeLessThan(10_000);
        proxy.heal();
        await eventually(async () => (await pages(kms, [tenantsOf(20)])).every(Boolean), { everyMs: 100 });
      });
    },
    240_000,
  );

  it('is another matter than one that refuses a tenant: others are asked for', async () => {
    await withKms(async (kms) => {
      const refused = Array.from({ length: 6 }, () => ['refused']);
      expect(await pages(kms, [...refused, ['other']])).toEqual([...refused.map(() => false), true]);
    });
  });
});
