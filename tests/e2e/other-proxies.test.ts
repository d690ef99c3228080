import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readSse } from '@millrace/testing';
import { MillraceCommand } from './millrace-command.ts';
import { OtherProxy } from './other-proxy.ts';
import { idOf, SystemHarness } from './system-harness.ts';

const CADDY = fileURLToPath(new URL('../../infra/caddy/Caddyfile', import.meta.url));
const CADDY_OF_COMPOSE = fileURLToPath(new URL('../../examples/compose-caddy/Caddyfile', import.meta.url));
const HAPROXY = fileURLToPath(new URL('../../infra/haproxy/haproxy.cfg', import.meta.url));
const TOKENS = Array.from({ length: 20 }, (_, nth) => `t${nth} `);
const PACE_MS = 60;
const TIMEOUT_MS = 240_000;

const parts = new AsyncDisposableStack();
let system: SystemHarness;
beforeAll(async () => {
  system = parts.use(await SystemHarness.start({ env: { MILLRACE_HEARTBEAT_MS: '2000' } }));
}, TIMEOUT_MS);
afterAll(() => parts.disposeAsync());

const node = (index: number) => new URL(system.node(index)).host;

describe.each([
  {
    name: 'Caddy, as infra/ has it',
    program: 'caddy' as const,
    config: CADDY,
    envFor: (port: number) => ({
      MILLRACE_SITE: `http://127.0.0.1:${port}`,
      MILLRACE_API_NODES: `${node(0)} ${node(1)}`,
    }),
  },
  {
    name: 'Caddy, as examples/compose-caddy has it',
    program: 'caddy' as const,
    config: CADDY_OF_COMPOSE,
    envFor: (port: number) => ({
      MILLRACE_SITE: `http://127.0.0.1:${port}`,
      // an address stands for a name that leads to it; all nodes of a name have the same port
      MILLRACE_API: new URL(system.node(0)).hostname,
      MILLRACE_API_PORT: new URL(system.node(0)).port,
    }),
  },
  {
    name: 'HAProxy, as infra/ has it',
    program: 'haproxy' as const,
    config: HAPROXY,
    envFor: (port: number) => ({
      ...{ MILLRACE_LISTEN: `127.0.0.1:${port}`, MILLRACE_NODE_1: node(0), MILLRACE_NODE_2: node(1) },
    }),
  },
])('behind $name', ({ name, ...proxy }) => {
  let url: string;
  beforeAll(async () => {
    url = parts.use(await OtherProxy.start(proxy)).url;
  }, TIMEOUT_MS);

  it('each token arrives when the model sends it', async () => {
    const query = `${name}, paced`;
    system.model.answer(TOKENS, { to: query, stepMs: PACE_MS });
    await using stream = await system.ask(query, { at: url });
    await stream.collect();
    const at = stream.events.filter(({ event }) => event === 'message').map((event) => event.at);
    expect(stream.text()).toBe(TOKENS.join(''));
    expect(((at.at(-1) ?? 0) - (at[0] ?? 0)) / (PACE_MS * (TOKENS.length - 1))).toBeGreaterThan(0.6);
  });

  it('each piece of a bare text does, too', async () => {
    const query = `${name}, bare`;
    system.model.answer(TOKENS, { to: query, stepMs: PACE_MS });
    const headers = { 'content-type': 'application/json', accept: 'text/plain' };
    const answer = await fetch(`${url}/jobs`, { method: 'POST', headers, body: JSON.stringify({ query }) });
    const arrivals: number[] = [];
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      arrivals.push(performance.now());
      text += decoder.decode(chunk, { stream: true });
    }
    expect(text).toBe(TOKENS.join(''));
    expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(0.6 * PACE_MS * (TOKENS.length - 1));
  });

  it('a stream resumes, is cancelled, and metrics are nobody’s', async () => {
    const query = `${name}, resumed`;
    const gate = system.model.gated({ to: query });
    const first = await system.askUntilText(query, gate, 'one ', { at: url });
    const id = idOf(first);
    const after = first.events.at(-1)?.id ?? '';
    first.close();
    await gate.say('two');
    await using second = await readSse(`${url}/jobs/${id}/stream`, { headers: { 'last-event-id': after } });
    await second.until(({ event }) => event === 'message');
    expect(second.text()).toBe('two');
    expect((await fetch(`${url}/jobs/${id}`, { method: 'DELETE' })).status).toBe(200);
    await second.collect();
    expect(second.events.at(-1)?.event).toBe('cancelled');
    expect((await fetch(`${url}/metrics`)).status).toBe(403);
  });

  it('the doctor finds no fault', async () => {
    const { code, out } = await MillraceCommand.run(url, ['doctor']);
    expect([out, code]).toEqual([expect.stringMatching('first event came'), 0]);
  });
});
