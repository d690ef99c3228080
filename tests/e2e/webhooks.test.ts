import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import { Webhook } from 'standardwebhooks';
import { SystemHarness } from './system-harness.ts';
import { Receiver } from './webhook-receiver.ts';

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;

let receiver: Receiver;
let system: SystemHarness;

beforeAll(async () => {
  receiver = await new Receiver().start();
  system = await SystemHarness.start({
    env: { MILLRACE_WEBHOOK_SECRET: SECRET, MILLRACE_WEBHOOK_ALLOW: '127.0.0.1' },
  });
});
afterAll(async () => {
  await system?.[Symbol.asyncDispose]();
  await receiver?.[Symbol.asyncDispose]();
});

const create = (body: object, at = system.url) =>
  fetch(`${at}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
  });

async function started(body: object): Promise<string> {
  const answer = await create(body);
  if (!answer.ok) throw new Error(await answer.text());
  return ((await answer.json()) as { id: string }).id;
}

describe('a webhook', () => {
  it('tells the end of its job, signed, without the text', async () => {
    system.model.answer(['what nobody else may read'], { to: 'told' });
    const id = await started({ query: 'told', webhook: `${receiver.url}/told?a=b`, metadata: { order: '7' } });
    await eventually(() => receiver.at('/told?a=b').length === 1);
    const [{ headers, body } = { headers: {}, body: '' }] = receiver.at('/told?a=b');
    const job = new Webhook(SECRET).verify(body, headers as Record<string, string>);
    expect(job).toMatchObject({ id, status: 'completed', metadata: { order: '7' }, usage: expect.anything() });
    expect(body).not.toContain('nobody else may read');
    expect(headers['content-type']).toBe('application/json');
  });

  it('tells of cancels and failures, too', async () => {
    const gate = system.model.gated({ to: 'to be cancelled' });
    const id = await started({ query: 'to be cancelled', webhook: `${receiver.url}/cancelled` });
    await gate.say('so far');
    await fetch(`${system.url}/jobs/${id}`, { method: 'DELETE' });
    system.model.failNext(10, { status: 400 });
    await started({ query: 'to fail', webhook: `${receiver.url}/failed` });
    await eventually(() => receiver.at('/cancelled').length > 0 && receiver.at('/failed').length > 0);
    expect(JSON.parse(receiver.at('/cancelled')[0]?.body ?? '')).toMatchObject({ id, status: 'cancelled' });
    expect(JSON.parse(receiver.at('/failed')[0]?.body ?? '')).toMatchObject({
      status: 'failed',
      error: expect.anything(),
    });
  });

  it('comes again after a failure, under the same id, and not after a 410', async () => {
    system.model.answer(['x'], { to: 'again' });
    receiver.statuses.set('/again', [503, 302]);
    receiver.statuses.set('/gone', [410]);
    await started({ query: 'again', webhook: `${receiver.url}/again` });
    await started({ query: 'again', webhook: `${receiver.url}/gone` });
    await eventually(() => receiver.at('/again').length === 2, { timeoutMs: 60_000 });
    const ids = receiver.at('/again').map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(1);
    expect(receiver.at('/elsewhere')).toEqual([]);
    expect(receiver.at('/gone')).toHaveLength(1);
  });

  it('of a slow receiver delays neither jobs nor other webhooks', async () => {
    system.model.answer(['x'], { to: 'many' });
    receiver.statuses.set('/slow', Array<number>(40).fill(0));
    await Promise.all(Array.from({ length: 40 }, () => started({ query: 'many', webhook: `${receiver.url}/slow` })));
    await using other = await new Receiver().start();
    await started({ query: 'many', webhook: `${other.url}/quick` });
    await eventually(() => other.at('/quick').length === 1);
  });

  it('of a tenant with many slow receivers does not delay another tenant’s', async () => {
    const secrets = { rude: 'the-secret-of-the-rude-one', other: 'the-secret-of-the-other' };
    await using own = await SystemHarness.start({
      env: {
        ...{ MILLRACE_WEBHOOK_SECRET: SECRET, MILLRACE_WEBHOOK_ALLOW: '127.0.0.1', MILLRACE_AUTH: 'apikey' },
        MILLRACE_API_KEYS: `rude:user:${secrets.rude},other:user:${secrets.other}`,
      },
      processes: 1,
    });
    await using slow = new AsyncDisposableStack();
    const receivers = await Promise.all(Array.from({ length: 12 }, () => new Receiver().start()));
    for (const each of receivers) slow.use(each).statuses.set('/slow', Array<number>(20).fill(0));
    const ask = (key: string, webhook: string) =>
      fetch(`${own.node(0)}/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', 'x-api-key': key },
        body: JSON.stringify({ query: 'x', webhook }),
      });
    await Promise.all(
      receivers.flatMap(({ url }) => Array.from({ length: 10 }, () => ask(secrets.rude, `${url}/slow`))),
    );
    const sentSlowly = () => receivers.reduce((sum, each) => sum + each.at('/slow').length, 0);
    await eventually(() => sentSlowly() >= 32);
    await ask(secrets.other, `${receiver.url}/of-another`);
    await eventually(() => receiver.at('/of-another').length === 1);
    // a try of the rude ones takes 15 s: none of the first has made room for another yet
    expect(sentSlowly()).toBe(32);
  });

  it('survives the node and the worker that ended its job', async () => {
    await using own = await SystemHarness.start({
      env: { MILLRACE_WEBHOOK_SECRET: SECRET, MILLRACE_WEBHOOK_ALLOW: '127.0.0.1' },
      processes: 1,
    });
    own.model.answer(['x'], { to: 'survives' });
    receiver.statuses.set('/survives', [503]);
    const answer = await create({ query: 'survives', webhook: `${receiver.url}/survives` }, own.node(0));
    expect(answer.status).toBe(202);
    await eventually(() => receiver.at('/survives').length === 1);
    await own.restart(own.workers[0] as (typeof own.workers)[number]);
    await eventually(() => receiver.at('/survives').length === 2, { timeoutMs: 60_000 });
  });
});

describe('a webhook is refused', () => {
  it.each([
    ['http://10.0.0.1/x', 422],
    ['http://localhost:1/x', 422],
    ['http://2130706434/x', 422],
    ['http://[::1]/x', 422],
    ['http://[::ffff:10.0.0.1]/x', 422],
    ['http://redis:6379/', 422],
    ['ftp://hooks.example/x', 400],
    ['http://me:secret@hooks.example/x', 400],
    ['not a URL', 400],
  ])('where it leads nowhere good: %s', async (webhook, status) => {
    const answer = await create({ query: 'x', webhook });
    expect([answer.status, await answer.json()]).toMatchObject([
      status,
      { code: 'INVALID_REQUEST', errors: [{ pointer: '/webhook', detail: expect.not.stringContaining('secret@') }] },
    ]);
  });

  it('where the service has nothing to sign with', async () => {
    await using plain = await SystemHarness.start({ processes: 1 });
    const answer = await create({ query: 'x', webhook: 'https://hooks.example/x' }, plain.node(0));
    expect([answer.status, await answer.json()]).toMatchObject([422, { errors: [{ pointer: '/webhook' }] }]);
  });
});
