import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId } from '@millrace/contracts';
import { ApiHarness, type TestNode } from '../testing/api-harness.ts';
import { type AccessRow, accessRows } from './access-table.ts';
import { openApiDocument } from './openapi-document.ts';

const KEY = { user: 'the-secret-of-a-user', manager: 'the-secret-of-a-manager', admin: 'the-secret-of-an-admin' };

let harness: ApiHarness;
/** Several: each takes a number of wrong keys from one address, and no more. */
let nodes: TestNode[];
const ROUTES_PER_NODE = 50;
beforeAll(async () => {
  const keys = Object.entries(KEY).map(([role, secret]) => `own:${role}:${secret}`);
  harness = await ApiHarness.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: keys.join() });
  const count = Math.ceil(rows.length / ROUTES_PER_NODE);
  nodes = await Promise.all(Array.from({ length: count }, () => harness.node()));
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const rows = accessRows(openApiDocument().paths ?? {});
const named = rows.map((row) => [`${row.method} ${row.path}`, row] as const);

const nodeFor = (row: AccessRow) => nodes[Math.floor(rows.indexOf(row) / ROUTES_PER_NODE)]?.url;

/** Asks for a route with ids of nothing, the own tenant and an empty body: whoever is let in gets another refusal. */
async function ask(row: AccessRow, key: string | null): Promise<{ status: number; detail: string }> {
  const { method, path } = row;
  const url = `${nodeFor(row)}${path.replace('{tenant}', 'own').replaceAll(/\{[^}]+\}/g, crypto.randomUUID())}`;
  const headers = { 'content-type': 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }) };
  const body = method === 'POST' || method === 'PUT' || method === 'PATCH' ? { body: '{}' } : {};
  const answer = await fetch(url, { method, headers, signal: AbortSignal.timeout(60_000), ...body });
  return { status: answer.status, detail: await answer.text() };
}

async function tokenWith(...may: readonly string[]): Promise<string> {
  const answer = await fetch(`${nodes[0]?.url}/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': KEY.manager },
    body: JSON.stringify({ jobs: [newRequestId()], threads: ['a-thread'], may, expiresInSeconds: 600 }),
  });
  return ((await answer.json()) as { token: string }).token;
}

describe('each route', () => {
  it('has a row', () => {
    expect(rows.length).toBeGreaterThan(30);
    expect(rows.filter(({ permission }) => permission === null).map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/healthz', '/readyz', '/metrics', '/openapi.json']),
    );
  });

  it.each(named)('lets in whom it says, and nobody else: %s', async (_, row) => {
    const without = await ask(row, null);
    const wrong = await ask(row, 'mrk_a-key-that-nobody-made');
    if (row.permission === null) expect([without.status, wrong.status]).not.toContain(401);
    else expect([without.status, wrong.status]).toEqual([401, 401]);
    for (const [role, key] of Object.entries(KEY)) {
      const { status } = await ask(row, key);
      expect([role, status === 403]).toEqual([role, !row.roles.some((allowed) => allowed === role)]);
      expect(status).not.toBe(401);
    }
  });

  it.each(named)('lets in tokens with the right it says, and no other: %s', async (_, row) => {
    for (const may of [['watch'], ['watch', 'cancel'], ['watch', 'create']]) {
      const { status, detail } = await ask(row, await tokenWith(...may));
      expect(status).not.toBe(401);
      const lacksRight = status === 403 && detail.includes('permission');
      expect([may, lacksRight]).toEqual([may, !row.rights.some((right) => may.includes(right))]);
      // nothing that the token is not for is answered
      if (row.permission !== null)
        expect([row.path, status >= 200 && status < 204 && !isForAll(row)]).toEqual([row.path, false]);
    }
  });
});

/** Routes that show nothing of any tenant. */
function isForAll({ path }: AccessRow): boolean {
  return ['/pipelines', '/models', '/v1/models'].includes(path) || path.startsWith('/langgraph/assistants/');
}
