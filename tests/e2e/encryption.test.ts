import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ModelRequest } from '@millrace/simulated-model';
import { eventually, startRedisCluster, type TestRedis, wordsIn } from '@millrace/testing';
import { Redis } from 'ioredis';
import { PROTOCOLS } from './rude-callers/protocols.ts';
import { SystemHarness } from './system-harness.ts';

const GRAPHS = [
  'tests/e2e/remembering-agent/langgraph.json',
  'tests/e2e/mailing-agent/langgraph.json',
  'examples/agents/structured-output/langgraph.json',
];
const ENCRYPTED = { MILLRACE_ENCRYPTION_KEYS: `first:${randomBytes(32).toString('base64')}` };
const ENV = {
  MILLRACE_GRAPHS: GRAPHS.join(),
  OPENAI_API_KEY: 'simulated',
  MILLRACE_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
  MILLRACE_WEBHOOK_ALLOW: '127.0.0.1',
};

/** What every word begins with that Redis must not hold. */
const MARK = 'canary';

/** What a test says to a deployment. */
class Conversation {
  /** words that were sent */
  readonly said = new Set<string>();

  constructor(readonly system: SystemHarness) {}

  /** A word that Redis must not hold. */
  word(name: string): string {
    const word = `${MARK}${name}x`;
    this.said.add(word);
    return word;
  }

  async get(path: string): Promise<string> {
    const answer = await fetch(`${this.system.url}${path}`, { headers: { accept: 'application/json' } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return text;
  }

  async post(path: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const answer = await fetch(`${this.system.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return text;
  }

  /** Makes a job, and waits for its end.
   *  @returns the job */
  async run(body: object): Promise<Record<string, unknown>> {
    return JSON.parse(await this.post('/jobs', body, { prefer: 'wait=60' })) as Record<string, unknown>;
  }
}

/** Somebody's server, which takes webhooks. */
async function receiver(parts: AsyncDisposableStack): Promise<{ url: string; received: string[] }> {
  const received: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push(`${request.url} ${body}`);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  parts.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

const mails = (to: string) => ({ toolCall: { id: 'c1', name: 'mail', arguments: JSON.stringify({ to }) } });
const hasResult = ({ body }: ModelRequest) => JSON.stringify(body).includes('sent to');

describe.each(['one server', 'a cluster'])('encryption at rest on %s', (place) => {
  let parts: AsyncDisposableStack;
  let c: Conversation;
  let servers: readonly TestRedis[];
  /** what has gone through Pub/Sub, on one server */
  const published: string[] = [];

  beforeAll(async () => {
    parts = new AsyncDisposableStack();
    const cluster = place === 'a cluster' ? parts.use(await startRedisCluster()) : null;
    const env = { ...ENV, ...ENCRYPTED };
    const system = parts.use(await SystemHarness.start(cluster === null ? { env } : { env, redis: cluster }));
    c = new Conversation(system);
    servers = cluster === null ? [system.redis] : cluster.masters;
    if (cluster === null) {
      const ear = new Redis(system.redis.url);
      parts.defer(() => ear.disconnect());
      ear.on('pmessage', (_pattern, channel: string, message: string) => published.push(`${channel} ${message}`));
      await ear.psubscribe('*');
    }
  }, 300_000);
  afterAll(() => parts?.disposeAsync());

  async function remains(): Promise<string[]> {
    const found = await Promise.all(servers.map(({ url }) => wordsIn(url, MARK)));
    return found.flat();
  }

  it('hides the words of a job while it runs and when it has ended, and tells them its webhook', async () => {
    const { system } = c;
    const hook = await receiver(parts);
    const path = `/${c.word('Path')}`;
    const gate = system.model.gated({ to: c.word('Query') });
    const parameters = { type: 'object', properties: { [c.word('Parameter')]: { type: 'string' } } };
    const stream = await system.ask(
      {
        messages: [
          { role: 'system', content: c.word('System') },
          { role: 'user', content: c.word('Query') },
        ],
        metadata: { note: c.word('Noted') },
        tools: [{ name: 'look_up', description: c.word('Description'), parameters }],
        webhook: `${hook.url}${path}`,
      },
      { headers: { 'idempotency-key': c.word('Key') } },
    );
    await gate.say(c.word('Begun'));
    await stream.until(({ data }) => data.text === c.word('Begun'));
    expect(await remains()).toEqual([]);
    expect(JSON.stringify((await gate.request).body)).toContain(c.word('Parameter'));
    await gate.say(` ${c.word('Ended')}`);
    await gate.finish();
    await stream.collect();
    expect(stream.text()).toBe(`${c.word('Begun')} ${c.word('Ended')}`);
    const id = stream.response.headers.get('x-request-id') ?? '';
    expect(JSON.parse(await c.get(`/jobs/${id}`))).toMatchObject({
      ...{ status: 'completed', text: stream.text(), metadata: { note: c.word('Noted') } },
    });
    const webhook = await eventually(() => hook.received.find((each) => each.startsWith(path)));
    expect(webhook).toContain(c.word('Noted'));
    expect(await remains()).toEqual([]);
  });

  it.each(PROTOCOLS.filter(({ name }) => name !== 'durable-streams'))(
    'hides what is said by $name, and gives it back',
    async ({ name, create, body }) => {
      const [asked, said] = [c.word(`${name}Asked`), c.word(`${name}Said`)];
      c.system.model.answer([said], { to: asked });
      const accept = { accept: 'text/event-stream' };
      const answers = [await c.post(create, body(asked, false)), await c.post(create, body(asked, true), accept)];
      for (const answer of answers) expect(answer).toContain(said);
      expect(c.system.model.requests.filter((request) => JSON.stringify(request.body).includes(asked))).toHaveLength(2);
      expect(await remains()).toEqual([]);
    },
  );

  it('hides a thread, remembers it, and copies it', async () => {
    const { system } = c;
    await c.post('/threads', { id: 'a-thread', metadata: { topic: c.word('Topic') } });
    await c.post('/threads', { id: 'a-thread', metadata: { tag: c.word('Tag') } });
    system.model.answer([c.word('ThreadSaid')], { to: c.word('ThreadAsked') });
    await c.run({ threadId: 'a-thread', query: c.word('ThreadAsked') });
    system.model.answer([c.word('NextSaid')], { to: c.word('NextAsked') });
    await c.run({ threadId: 'a-thread', query: c.word('NextAsked') });
    const told = JSON.stringify(system.model.requests.at(-1)?.body);
    for (const word of ['ThreadAsked', 'ThreadSaid', 'NextAsked']) expect(told).toContain(c.word(word));
    await c.post('/threads/a-thread/fork', { id: 'a-copy' });
    for (const id of ['a-thread', 'a-copy']) {
      const [thread, messages] = [await c.get(`/threads/${id}`), await c.get(`/threads/${id}/messages`)];
      for (const word of ['Topic', 'Tag']) expect(thread).toContain(c.word(word));
      for (const word of ['ThreadAsked', 'ThreadSaid', 'NextAsked', 'NextSaid'])
        expect(messages).toContain(c.word(word));
    }
    expect(await c.get('/threads')).toContain(c.word('Topic'));
    expect(await remains()).toEqual([]);
  });

  it('hides what an agent is told, keeps, asks and is answered', async () => {
    const on = { pipeline: 'remembering', threadId: 'an-agent' };
    await c.run({ ...on, input: { note: c.word('FirstNote') } });
    await c.run({ ...on, resume: c.word('FirstAnswer') });
    const asking = await c.run({ ...on, input: { note: c.word('SecondNote') } });
    expect(JSON.stringify(asking['interrupts'])).toContain(c.word('SecondNote'));
    expect(await c.get('/threads/an-agent')).toContain(c.word('SecondNote'));
    // what it had in its store
    expect(JSON.parse(await c.get('/threads/an-agent/state'))).toMatchObject({
      values: { note: c.word('SecondNote'), before: c.word('FirstNote'), answer: c.word('FirstAnswer') },
    });
    await c.post('/threads/an-agent/fork', { id: 'an-agent-copy' });
    await c.run({ ...on, threadId: 'an-agent-copy', resume: c.word('CopyAnswer') });
    expect(await c.get('/threads/an-agent-copy/state')).toContain(c.word('CopyAnswer'));
    expect(await c.get('/threads/an-agent/state')).not.toContain(c.word('CopyAnswer'));
    const long = c.word('Long').repeat(20_000);
    await c.run({ ...on, threadId: 'a-long-one', input: { note: long } });
    expect(JSON.parse(await c.get('/threads/a-long-one/state'))).toMatchObject({ values: { note: long } });
    expect(await remains()).toEqual([]);
  });

  it('hides the tools of an agent, and what a person approves', async () => {
    const on = { pipeline: 'mailing', threadId: 'mails' };
    const [recipient, done] = [c.word('Recipient'), c.word('Done')];
    c.system.model.answer((request) => (hasResult(request) ? [done] : [mails(recipient)]), { to: c.word('Mail') });
    const asking = await c.run({ ...on, query: c.word('Mail') });
    expect(JSON.stringify(asking['interrupts'])).toContain(recipient);
    const answered = await c.run({ ...on, resume: { decisions: [{ type: 'approve' }] } });
    expect(answered).toMatchObject({ status: 'completed' });
    expect(await c.get(`/jobs/${answered['id']}?include=messages`)).toContain(`sent to ${recipient}`);
    expect(await c.get('/threads/mails/messages')).toContain(done);
    const contact = { name: c.word('Name'), city: c.word('City'), phone: null };
    c.system.model.answer([JSON.stringify(contact)], { to: c.word('Text') });
    expect(await c.run({ pipeline: 'structured-output', query: c.word('Text') })).toMatchObject({ output: contact });
    expect(await remains()).toEqual([]);
  });

  it('hides responses that go on, and runs of LangGraph in a thread', async () => {
    const { model } = c.system;
    model.answer([c.word('ResponseSaid')], { to: c.word('ResponseAsked') });
    const first = JSON.parse(
      await c.post('/v1/responses', {
        ...{ input: c.word('ResponseAsked'), instructions: c.word('Instructions'), store: true },
        metadata: { a: c.word('ResponseNoted') },
      }),
    );
    model.answer([c.word('GoesOn')], { to: c.word('Continued') });
    const next = await c.post('/v1/responses', { input: c.word('Continued'), previous_response_id: first.id });
    expect(next).toContain(c.word('GoesOn'));
    expect(JSON.stringify(model.requests.at(-1)?.body)).toContain(c.word('ResponseSaid'));
    const read = await c.get(`/v1/responses/${first.id}`);
    for (const word of ['ResponseSaid', 'ResponseNoted']) expect(read).toContain(c.word(word));

    const at = '/langgraph/threads';
    const { thread_id: id } = JSON.parse(await c.post(at, { metadata: { topic: c.word('RunTopic') } }));
    const run = { assistant_id: 'remembering', input: { note: c.word('RunNote') } };
    await c.post(`${at}/${id}/runs/wait`, { ...run, metadata: { why: c.word('RunNoted') } });
    const command = { resume: c.word('RunAnswer') };
    expect(await c.post(`${at}/${id}/runs/wait`, { assistant_id: 'remembering', command })).toContain(
      c.word('RunAnswer'),
    );
    expect(await c.post(`${at}/search`, { metadata: { topic: c.word('RunTopic') } })).toContain(c.word('RunAnswer'));
    expect(await c.get(`${at}/${id}/runs`)).toContain(c.word('RunNoted'));
    expect(await c.post(`${at}/${id}/history`, {})).toContain(c.word('RunNote'));
    expect(await remains()).toEqual([]);
  });

  it('has let no word into Pub/Sub, of some dozens', () => {
    expect(c.said.size).toBeGreaterThan(40);
    if (place === 'one server') expect(published.length).toBeGreaterThan(40);
    expect(published.filter((message) => message.includes(MARK))).toEqual([]);
  });
});

describe('encryption at rest, turned on', () => {
  it('keeps what is there readable, and goes on with its threads', async () => {
    await using system = await SystemHarness.start({ env: ENV });
    const c = new Conversation(system);
    system.model.answer([c.word('Said')], { to: c.word('Asked') });
    const { id } = await c.run({ threadId: 'a-thread', query: c.word('Asked'), metadata: { note: c.word('Noted') } });
    await c.run({ pipeline: 'remembering', threadId: 'an-agent', input: { note: c.word('Note') } });
    expect(await wordsIn(system.redis.url, c.word('Said'))).not.toEqual([]);

    Object.assign(system.env, ENCRYPTED);
    for (const service of [...system.apis, ...system.workers]) await system.restart(service);
    const job = await c.get(`/jobs/${id}`);
    for (const word of ['Said', 'Noted']) expect(job).toContain(c.word(word));
    system.model.answer([c.word('AfterSaid')], { to: c.word('AfterAsked') });
    await c.run({ threadId: 'a-thread', query: c.word('AfterAsked') });
    const messages = await c.get('/threads/a-thread/messages');
    for (const word of ['Asked', 'Said', 'AfterAsked', 'AfterSaid']) expect(messages).toContain(c.word(word));
    await c.run({ pipeline: 'remembering', threadId: 'an-agent', resume: c.word('AfterAnswer') });
    expect(JSON.parse(await c.get('/threads/an-agent/state'))).toMatchObject({
      values: { note: c.word('Note'), answer: c.word('AfterAnswer') },
    });
    expect(await wordsIn(system.redis.url, `${MARK}After`)).toEqual([]);
  });

  it('fails what was altered alone, and goes on with the rest', async () => {
    await using system = await SystemHarness.start({ env: { ...ENV, ...ENCRYPTED } });
    await using redis = {
      client: new Redis(system.redis.url),
      [Symbol.asyncDispose]: async () => redis.client.disconnect(),
    };
    const c = new Conversation(system);
    for (const id of ['altered', 'whole']) {
      await c.post('/threads', { id, metadata: { topic: c.word('Topic') } });
      system.model.answer([c.word('Said')], { to: c.word('Asked') });
      await c.run({ threadId: id, query: c.word('Asked') });
      await c.run({ pipeline: 'remembering', threadId: `${id}-agent`, input: { note: c.word('Note') } });
    }
    for (const id of ['altered', 'altered-agent']) {
      for (const key of await redis.client.keys(`*{thread:*.${id}}:*`)) await alter(redis.client, key);
    }
    const statusOf = async (path: string) => {
      const answer = await fetch(`${system.url}${path}`);
      return [answer.status, ((await answer.json()) as { code?: string }).code];
    };
    for (const path of ['altered', 'altered/messages', 'altered-agent/state', 'altered-agent/history']) {
      expect([path, await statusOf(`/threads/${path}`)]).toEqual([path, [500, 'INTERNAL']]);
    }
    const { items } = JSON.parse(await c.get('/threads')) as { items: { id: string; metadata: object }[] };
    expect(items.find(({ id }) => id === 'whole')?.metadata).toEqual({ topic: c.word('Topic') });
    expect(items.find(({ id }) => id === 'altered')?.metadata).toEqual({});
    expect(await c.run({ threadId: 'altered', query: c.word('Asked') })).toMatchObject({
      ...{ status: 'failed', error: { code: 'INTERNAL', message: expect.stringContaining('decrypted') } },
    });
    const input = { note: 'another' };
    expect(await c.run({ pipeline: 'remembering', threadId: 'altered-agent', input })).toMatchObject({
      status: 'failed',
    });
    expect(await c.run({ threadId: 'whole', query: c.word('Asked') })).toMatchObject({ status: 'completed' });
    for (const id of ['altered', 'altered-agent']) {
      expect((await fetch(`${system.url}/threads/${id}`, { method: 'DELETE' })).status).toBe(204);
    }
  });
});

/** Flips a bit in each value of a key that is sealed, or whose content is. */
async function alter(redis: Redis, key: string): Promise<void> {
  const flipped = (value: Buffer) => {
    const copy = Buffer.from(value);
    copy.writeUInt8(copy.readUInt8(copy.length - 8) ^ 1, copy.length - 8);
    return copy;
  };
  const isSealed = (value: Buffer) => value.length > 40 && value.includes('~');
  const type = await redis.type(key);
  if (type === 'hash') {
    for (const [field, value] of Object.entries(await redis.hgetallBuffer(key))) {
      if (isSealed(value)) await redis.hset(key, field, flipped(value));
    }
  }
  if (type === 'list') {
    for (const [nth, value] of (await redis.lrangeBuffer(key, 0, -1)).entries()) {
      if (isSealed(value)) await redis.lset(key, nth, flipped(value));
    }
  }
}
