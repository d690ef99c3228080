import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { startRedis } from '@millrace/testing';
import { ApiHarness } from '../testing/api-harness.ts';

it('serves the page at /, with a policy that lets in no foreign script, beside the API', async () => {
  const root = await mkdtemp(join(tmpdir(), 'millrace-page-'));
  await writeFile(join(root, 'index.html'), '<title>Millrace</title>');
  await using redis = await startRedis();
  await using harness = new ApiHarness(redis.url, { MILLRACE_WEB_ROOT: root });
  const { url } = await harness.node();

  const page = await fetch(url);
  expect(await page.text()).toContain('<title>Millrace</title>');
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const missing = await fetch(`${url}/nothing.js`);
  expect(missing.status).toBe(404);
  expect(missing.headers.get('content-type')).toBe('application/problem+json');
  expect((await fetch(`${url}/..%2f..%2fetc/passwd`)).status).toBeGreaterThanOrEqual(400);
  await rm(root, { recursive: true });
});
