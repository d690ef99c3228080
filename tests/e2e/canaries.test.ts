import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ModelStep } from '@millrace/simulated-model';
import { canary, eventually, secretCanary } from '@millrace/testing';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Kind } from './canaries/kinds.ts';
import { SystemHarness } from './system-harness.ts';

/** A new word, which the search after all tests looks for in the logs. */
const word = (kind: Kind) => canary(kind);
const secretOf = (kind: Kind, value: string) => secretCanary(kind, value);

const KEY = { user: word('a key of the settings'), admin: word('a key of the settings as a bearer') };
const ISSUER = 'https://issuer.example';
const WEBHOOK_SECRET = `whsec_${secretOf('the secret of webhooks', Buffer.from(word('the secret of webhooks')).toString('base64'))}`;

/** Tells what the service sent to a webhook, and answers with a canary. */
class Receiver implements AsyncDisposable {
  readonly paths: string[] = [];
  readonly #server = createServer((request, response) => {
    this.paths.push(request.url ?? '');
    const said = word('the answer of a webhook’s receiver');
    request.resume().on('end', () => response.writeHead(500, said, { 'x-said': said }).end(said));
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const parts = new AsyncDisposableStack();
let system: SystemHarness;
let receiver: Receiver;
let sign: (claims: object) => Promise<string>;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-jwks-'));
  parts.defer(() => rmSync(folder, { recursive: true }));
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwks = join(folder, 'jwks.json');
  writeFileSync(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] }));
  sign = (claims) =>
    new SignJWT({ tenant: 'own', sub: 'ann', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer(ISSUER)
      .setAudience('millrace')
      .setExpirationTime('10m')
      .sign(privateKey);
  receiver = parts.use(await new Receiver().start());
  system = parts.use(
    await SystemHarness.start({
      env: {
        // all that there is
        MILLRACE_LOG_LEVEL: 'trace',
        MILLRACE_AUTH: 'apikey,jwt',
        MILLRACE_API_KEYS: `own:manager:${KEY.user},ops:admin:${KEY.admin}`,
        MILLRACE_JWT_ISSUER: ISSUER,
        MILLRACE_JWT_AUDIENCE: 'millrace',
        MILLRACE_JWT_JWKS: jwks,
        MILLRACE_TOKEN_SECRET: word('the secret that signs tokens'),
        MILLRACE_WEBHOOK_SECRET: WEBHOOK_SECRET,
        MILLRACE_WEBHOOK_ALLOW: '127.0.0.1',
        MILLRACE_GRAPHS: 'tests/e2e/asking-agent/langgraph.json,tests/e2e/mailing-agent/langgraph.json',
        OPENAI_API_KEY: word('the model server’s key'),
      },
    }),
  );
});
afterAll(() => parts.disposeAsync());

interface Asked {
  readonly status: number;
  readonly text: string;
}

async function ask(path: string, init: RequestInit & { json?: unknown; key?: string | null } = {}): Promise<Asked> {
  const { json, key = KEY.user, headers, ...rest } = init;
  const body = json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) };
  const answer = await fetch(`${system.url}${path}`, {
    ...body,
    ...rest,
    headers: {
      ...{ 'content-type': 'application/json', accept: 'application/json' },
      ...(key === null ? {} : { 'x-api-key': key }),
      ...headers,
    },
  });
  return { status: answer.status, text: await answer.text() };
}

/** Makes a job and waits for its end. */
async function job(body: object, headers: Record<string, string> = {}): Promise<Record<string, string>> {
  const made = await ask('/jobs', { json: body, headers });
  if (made.status !== 202) throw new Error(made.text);
  return ended(JSON.parse(made.text).id);
}

const ended = (id: string): Promise<Record<string, string>> =>
  eventually(async () => {
    const { text } = await ask(`/jobs/${id}`);
    const found = JSON.parse(text);
    return ['queued', 'active'].includes(found.status) ? null : found;
  });

const asked = () => JSON.stringify(system.model.requests.map(({ body }) => body));
const bearer = (secret: string) => ({ key: null, headers: { authorization: `Bearer ${secret}` } });
const user = (content: string) => [{ role: 'user', content }];

describe('canaries, which no log may hold after all tests, are sent', () => {
  it('to models, in requests of our own', async () => {
    const said = word('the output of a model');
    system.model.answer([{ reasoning: word('the reasoning of a model') }, said]);
    const plain = word('a prompt of POST /jobs');
    const note = { [word('the name of metadata')]: word('the value of metadata') };
    const done = await job(
      { query: plain, metadata: note },
      { 'idempotency-key': word('an idempotency key'), cookie: `session=${word('a cookie')}` },
    );
    expect(done).toMatchObject({ status: 'completed', metadata: note });
    expect((await ask(`/jobs/${done['id']}?include=text`)).text).toContain(said);

    const [system_, part, name, argument, result, description, schema] = [
      word('a system text'),
      word('a part of a message'),
      word('the name of a speaker'),
      word('an argument in a call of a tool'),
      word('a result of a tool'),
      word('the description of a tool'),
      word('a schema of an answer'),
    ];
    await job({
      messages: [
        { role: 'system', content: system_ },
        { role: 'user', name, content: [{ type: 'text', text: part }] },
        {
          role: 'assistant',
          content: '',
          toolCalls: [{ callId: 'c', name: 'look', arguments: JSON.stringify({ argument }) }],
        },
        { role: 'tool', toolCallId: 'c', content: result },
      ],
      tools: [{ name: 'look', description, parameters: { type: 'object' } }],
      responseFormat: { type: 'json_schema', name: 'answer', schema: { type: 'object', description: schema } },
    });
    for (const each of [plain, system_, part, name, argument, result, description, schema])
      expect(asked()).toContain(each);
  });

  it('in jobs that do not end well, and in requests that are refused', async () => {
    const failing = word('a prompt of a job that fails');
    system.model.failNext(20, { status: 400, message: word('an error message of a model server') });
    expect(await job({ query: failing })).toMatchObject({ status: 'failed' });
    await eventually(() => asked().includes(failing));
    await drainFailures();

    const cancelled = word('a prompt of a job that is cancelled');
    const gate = system.model.gated({ to: cancelled });
    const { id } = JSON.parse((await ask('/jobs', { json: { query: cancelled } })).text);
    await gate.say('so far');
    expect((await ask(`/jobs/${id}`, { method: 'DELETE' })).status).toBe(200);

    const unknown = { query: word('a prompt that no worker knows a pipeline for'), pipeline: 'nobody-has-it' };
    expect((await ask('/jobs', { json: unknown })).status).toBe(422);
    const broken = await ask('/jobs', { method: 'POST', body: `{"query":"${word('a body that is not JSON')}` });
    expect(broken.status).toBe(400);
    expect((await ask('/jobs', { json: { query: 'x', [word('the name of an unknown field')]: 1 } })).status).toBe(400);
    const query = `${word('a parameter of a query')}=${word('a parameter of a query')}`;
    expect((await ask(`/jobs?${query}`)).status).toBe(200);
  });

  it('in threads and to agents', async () => {
    const { text } = await ask('/threads', { json: { metadata: { note: word('the metadata of a thread') } } });
    const threadId = JSON.parse(text).id;
    const message = word('a message of a thread');
    await job({ query: message, threadId });
    expect((await ask(`/threads/${threadId}/messages`)).text).toContain(message);

    const input = word('an input of LangGraph');
    const run = { assistant_id: 'chat', input: { messages: user(input) } };
    expect((await ask('/langgraph/runs/wait', { json: run })).status).toBe(200);
    expect(asked()).toContain(input);

    const question = word('an input of an agent');
    const config = { note: word('a value of an agent’s config') };
    const asking = { pipeline: 'asking', threadId: 'an-asking-one', input: { messages: user(question) } };
    expect(await job({ ...asking, config })).toMatchObject({
      interrupts: [{ value: { question } }],
    });
    secretOf('a question of an agent', question);
    const resume = word('an answer to an agent’s question');
    const resumed = await job({ threadId: 'an-asking-one', resume });
    expect((await ask(`/jobs/${resumed['id']}?include=text`)).text).toContain(resume);

    const to = word('an argument that a model gives a tool');
    const mail: ModelStep = { toolCall: { id: 'm', name: 'mail', arguments: JSON.stringify({ to }) } };
    system.model.answer([mail], { to: 'write a mail' });
    const mailing = { pipeline: 'mailing', threadId: 'a-mailing-one', messages: user('write a mail') };
    expect(JSON.stringify(await job(mailing))).toContain(to);
  });

  it('in the words of every protocol', async () => {
    const chat = word('a message of Chat Completions');
    const [input, instructions] = [word('an input of Responses'), word('the instructions of Responses')];
    const [anthropic, brief] = [word('a message of Anthropic'), word('the system text of Anthropic')];
    const [ai, agUi, context] = [
      word('a message of the AI SDK'),
      word('a message of AG-UI'),
      word('the context of AG-UI'),
    ];
    const model = 'gpt-4o-mini';
    const requests: [path: string, body: object][] = [
      ['/v1/chat/completions', { model, messages: user(chat) }],
      ['/v1/responses', { model, input, instructions }],
      ['/v1/messages', { model, max_tokens: 99, system: brief, messages: user(anthropic) }],
      ['/api/chat', { messages: [{ id: 'u', role: 'user', parts: [{ type: 'text', text: ai }] }] }],
      [
        '/ag-ui',
        {
          ...{ threadId: crypto.randomUUID(), runId: crypto.randomUUID(), state: {}, tools: [] },
          context: [{ description: 'what is known', value: context }],
          messages: [{ id: 'u', role: 'user', content: agUi }],
        },
      ],
    ];
    for (const [path, json] of requests) {
      const accept = path === '/api/chat' || path === '/ag-ui' ? { accept: 'text/event-stream' } : {};
      const { status, text } = await ask(path, { json, headers: accept });
      expect([path, status, text]).toEqual([path, 200, expect.any(String)]);
    }
    for (const each of [chat, input, instructions, anthropic, brief, ai, agUi]) expect(asked()).toContain(each);
  });

  it('as credentials, good and bad, in each place that clients put them', async () => {
    expect((await ask('/jobs', bearer(KEY.admin))).status).toBe(200);
    const made = await ask('/keys', { json: { tenant: 'own', name: 'one' }, key: KEY.admin });
    const { key } = JSON.parse(made.text);
    expect((await ask('/jobs', { key: secretOf('a key made at run time', key) })).status).toBe(200);
    expect((await ask('/jobs', { key: word('a wrong key') })).status).toBe(401);
    expect((await ask(`/jobs?access_token=${word('a key in a query')}`, { key: null })).status).toBe(401);

    const { id } = await job({ query: 'to be watched' });
    const token = async (kind: Kind) => {
      const body = { jobs: [id], may: ['watch'], expiresInSeconds: 600 };
      return secretOf(kind, JSON.parse((await ask('/tokens', { json: body })).text).token);
    };
    expect((await ask(`/jobs/${id}`, bearer(await token('a token in a header')))).status).toBe(200);
    const stream = `/jobs/${id}/stream?access_token=`;
    expect((await ask(`${stream}${await token('a token in a query')}`, { key: null, headers: SSE })).status).toBe(200);
    const nobody = word('a token of nobody in a query');
    expect((await ask(`${stream}${nobody}`, { key: null, headers: SSE })).status).toBe(401);

    expect((await ask('/jobs', bearer(secretOf('a JSON Web Token', await sign({}))))).status).toBe(200);
    const refused = secretOf('a JSON Web Token that is refused', await sign({ tenant: 7, note: 'x'.repeat(20) }));
    expect((await ask('/jobs', bearer(refused))).status).toBe(401);
  });

  it('to webhooks', async () => {
    const search = `?secret=${word('the query of a webhook’s URL')}`;
    await job({ query: 'told', webhook: `${receiver.url}/told${search}` });
    await eventually(() => receiver.paths.includes(`/told${search}`));
    const unanswered = `http://127.0.0.1:1/${search}`;
    await job({ query: 'told nobody', webhook: unanswered });
    const inside = `http://10.0.0.1/?${word('a webhook’s URL that is refused')}`;
    expect((await ask('/jobs', { json: { query: 'x', webhook: inside } })).status).toBe(422);
  });

  // last: nothing is left afterwards
  it('while Redis is away, and when a node dies', async () => {
    await system.redis.shutDown();
    const prompt = word('a prompt that comes while Redis is away');
    const refused = await ask('/jobs', { json: { query: prompt }, headers: { 'idempotency-key': prompt } });
    expect(refused.status).toBe(503);
    const stream = `/jobs/a-job-that-is-gone/stream?access_token=${word('a token of nobody in a query')}`;
    await ask(stream, { key: null, headers: SSE });
    await Promise.all([...system.apis, ...system.workers].map((service) => service.kill()));
    expect((await ask(stream, { key: null, headers: SSE })).status).toBe(503);
  });
});

const SSE = { accept: 'text/event-stream' };

/** Uses up the failures that nobody has met. */
async function drainFailures(): Promise<void> {
  await eventually(async () => (await job({ query: 'anything' }))['status'] === 'completed');
}
