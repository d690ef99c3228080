import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId } from '@millrace/contracts';
import { ApiHarness, submit, type TestNode } from '../testing/api-harness.ts';
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

const INPUT = { assistant_id: 'chat', input: { messages: [{ role: 'user', content: 'Hi' }] } };
const RUN = {
  threadId: '{id}',
  runId: newRequestId(),
  state: {},
  messages: [{ id: 'u1', role: 'user', content: 'Hi' }],
};
/** Bodies that are right, of the routes that check their body first. */
const BODIES: Readonly<Record<string, object>> = {
  '/ag-ui': { ...RUN, tools: [], context: [], forwardedProps: {}, protocolVersion: '1.0' },
  '/ag-ui/{agent}': { ...RUN, tools: [], context: [], forwardedProps: {}, protocolVersion: '1.0' },
  '/jobs': { query: 'Hi', threadId: '{id}' },
  '/langgraph/threads/{thread}/runs': INPUT,
  '/langgraph/threads/{thread}/runs/stream': INPUT,
  '/langgraph/threads/{thread}/runs/wait': INPUT,
  '/langgraph/threads/{thread}/commands': { id: 1, method: 'run.start', params: INPUT },
  '/langgraph/threads/{thread}/state/checkpoint': { checkpoint: { checkpoint_id: 'one' } },
  '/langgraph/threads/{thread}/stream/events': { channels: ['messages'] },
};

/** Streams that go on for as long as somebody reads. */
const ENDLESS: ReadonlySet<string> = new Set(['/console/now']);

/** Asks for a route with ids of nothing, the own tenant and an empty body: whoever is let in gets another refusal. */
async function ask(
  row: AccessRow,
  key: string | null,
  { id = crypto.randomUUID() as string, json = '{}' } = {},
): Promise<{ status: number; detail: string }> {
  const { method, path } = row;
  const url = `${nodeFor(row)}${path
    .replace('{tenant}', 'own')
    .replace('{agent}', 'chat')
    .replaceAll(/\{[^}]+\}/g, id)}`;
  const headers = { 'content-type': 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }) };
  const body = method === 'POST' || method === 'PUT' || method === 'PATCH' ? { body: json } : {};
  const answer = await fetch(url, { method, headers, signal: AbortSignal.timeout(60_000), ...body });
  const { status } = answer;
  if (status === 200 && ENDLESS.has(path)) {
    await answer.body?.cancel();
    return { status, detail: '' };
  }
  return { status, detail: await answer.text() };
}

async function tokenWith(may: readonly string[], jobs = [newRequestId()], threads = ['a-thread']): Promise<string> {
  const answer = await fetch(`${nodes[0]?.url}/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': KEY.manager },
    body: JSON.stringify({ jobs, threads, may, expiresInSeconds: 600 }),
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
      const { status, detail } = await ask(row, await tokenWith(may));
      expect(status).not.toBe(401);
      const lacksRight = status === 403 && detail.includes('permission');
      expect([may, lacksRight]).toEqual([may, !row.rights.some((right) => may.includes(right))]);
      // nothing that the token is not for is answered
      if (row.permission !== null)
        expect([row.path, status >= 200 && status < 204 && !isForAll(row)]).toEqual([row.path, false]);
    }
  });
});

describe('a token of one job and one thread', () => {
  it.each(['watch', 'cancel', 'create'])('that may %s gets nothing of others by any route', async (right) => {
    const [mine, other] = [
      await submit(nodes[0] as TestNode, as(KEY.user)),
      await submit(nodes[0] as TestNode, as(KEY.user)),
    ];
    const [myThread, otherThread] = [`thread-${newRequestId()}`, `thread-${newRequestId()}`];
    for (const id of [myThread, otherThread]) await makeThread(id);
    const may = right === 'watch' ? [right] : ['watch', right];
    const token = await tokenWith(may, [mine], [myThread]);
    for (const row of rows.filter(({ path }) => path.includes('{') || path in BODIES)) {
      // to the token the ids of others are those of nothing
      const unknown = await refusal(row, token, newRequestId());
      for (const id of [other, otherThread]) {
        const refused = await refusal(row, token, id);
        expect([row.method, row.path, refused]).toEqual([row.method, row.path, unknown]);
        // 204: nothing to show
        const isRefused = refused.status >= 400 || refused.status === 204 || isForAll(row);
        expect([row.method, row.path, isRefused]).toEqual([row.method, row.path, true]);
        expect([row.path, refused.words]).not.toEqual([row.path, expect.stringContaining('received undefined')]);
      }
    }
    const jobs = await Promise.all([mine, other].map((id) => get(`/jobs/${id}`, KEY.user)));
    expect(jobs).toMatchObject([{ status: 'queued' }, { status: 'queued' }]);
    expect(await get(`/threads/${otherThread}`, KEY.user)).toMatchObject({ id: otherThread, activeJob: null });
    // the same routes show it what is its own
    expect(await get(`/jobs/${mine}`, token)).toMatchObject({ id: mine });
    expect(await get(`/threads/${myThread}`, token)).toMatchObject({ id: myThread });
  });
});

/** What a route says to somebody who names an id, without the id itself. */
async function refusal(row: AccessRow, key: string, id: string): Promise<{ status: number; words: string }> {
  const json = JSON.stringify(BODIES[row.path] ?? {}).replaceAll('{id}', id);
  const { status, detail } = await ask(row, key, { id, json });
  const words = detail.replaceAll(id, '{id}').replaceAll(/"request_?[iI]d":"[^"]*"/g, '');
  return { status, words };
}

const as = (key: string) => ({ 'x-api-key': key });

async function makeThread(id: string): Promise<void> {
  const headers = { 'content-type': 'application/json', ...as(KEY.user) };
  const answer = await fetch(`${nodes[0]?.url}/threads`, { method: 'POST', headers, body: JSON.stringify({ id }) });
  expect(answer.status).toBe(201);
}

async function get(path: string, key: string): Promise<unknown> {
  return (await fetch(`${nodes[0]?.url}${path}`, { headers: { authorization: `Bearer ${key}` } })).json();
}

/** Routes that show nothing of any tenant. */
function isForAll({ path }: AccessRow): boolean {
  return ['/pipelines', '/models', '/v1/models'].includes(path) || path.startsWith('/langgraph/assistants/');
}
