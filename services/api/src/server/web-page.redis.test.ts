import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { startRedis } from '@millrace/testing';
import { ApiHarness } from '../testing/api-harness.ts';

it('serves the page at /, with a policy that lets in no foreign script, beside the API', async () => {
  const root = await mkdtemp(join(tmpdir(), 'millrace-page-'));
  await writeFile(join(root, 'index.html'), '<title>Millrace</title>');
  await mkdir(join(root, 'assets'));
  await writeFile(join(root, 'assets', 'index-hash.js'), '');
  await using redis = await startRedis();
  await using harness = new ApiHarness(redis.url, { MILLRACE_WEB_ROOT: root });
  const { url } = await harness.node();

  const page = await fetch(url);
  expect(await page.text()).toContain('<title>Millrace</title>');
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
  expect((await fetch(`${url}/assets/index-hash.js`)).headers.get('cache-control')).toContain('immutable');
  expect(page.headers.get('cache-control')).not.toContain('immutable');
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  for (const path of ['/c/a-thread', '/watch/a-job']) {
    const deep = await fetch(`${url}${path}`);
    expect([deep.status, await deep.text()]).toEqual([200, '<title>Millrace</title>']);
    expect(deep.headers.get('content-security-policy')).toContain("default-src 'none';");
  }
  // this folder has no console
  expect((await fetch(`${url}/console`)).status).toBe(404);
  const missing = await fetch(`${url}/nothing.js`);
  expect(missing.status).toBe(404);
  expect(missing.headers.get('content-type')).toBe('application/problem+json');
  expect((await fetch(`${url}/..%2f..%2fetc/passwd`)).status).toBeGreaterThanOrEqual(400);
  await rm(root, { recursive: true });
});
