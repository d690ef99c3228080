import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { canary, eventually, exchange } from '@millrace/testing';
import { isProblem, PROTOCOLS, type ProtocolUnderAttack } from './rude-callers/protocols.ts';
import { type RudeRequest, requestBytes, rudeBodies, rudeReads } from './rude-callers/requests.ts';
import { SystemHarness } from './system-harness.ts';

const QUESTION = canary('a prompt of POST /jobs');
const ANSWER = 'an answer';
/** concurrent requests */
const LANES = 6;

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start({ env: { MILLRACE_DISCONNECT_GRACE_MS: '1000' } });
  system.model.answer(['an ', 'answer']);
});
afterAll(() => system?.[Symbol.asyncDispose]());

describe.each(PROTOCOLS.map((protocol) => [protocol.name, protocol] as const))('rude callers of %s', (_, protocol) => {
  it('are answered in its own words, whatever body they send', async () => {
    expect(await surprises(protocol, rudeBodies(protocol, QUESTION))).toEqual([]);
  }, 240_000);

  it('are answered in its own words, whatever job and place they ask for', async () => {
    const [job, other] = await Promise.all([endedJob(), endedJob()]);
    expect(await surprises(protocol, rudeReads(protocol, job, other))).toEqual([]);
  }, 240_000);

  it('disturb no stream of another caller', async () => {
    const gate = system.model.gated({ to: `watched ${protocol.name}` });
    void gate.say('first');
    const stream = await fetch(`${system.url}/jobs`, {
      method: 'POST',
      headers: { accept: 'text/plain', 'content-type': 'application/json' },
      body: JSON.stringify({ query: `watched ${protocol.name}` }),
    });
    const text = stream.text();
    await Promise.all(Array.from({ length: 200 }, (__, nth) => leaveMidway(protocol, nth)));
    void gate.say(' last');
    await gate.finish();
    expect(await text).toBe('first last');
  });
});

describe('the services, after all of them', () => {
  it('have logged no failure, and are still the same processes', async () => {
    await eventually(async () => (await ordinary()) === ANSWER);
    const failures = [...system.apis, ...system.workers].flatMap(({ log }) =>
      log.filter(({ level }) => level === 'error'),
    );
    expect(failures.slice(0, 5)).toEqual([]);
    expect([...system.apis, ...system.workers].map(({ child }) => child.running)).toEqual([true, true, true, true]);
  });
});

/** Every request that was answered with a server's failure, not in the protocol's shape, or not at all. */
async function surprises(protocol: ProtocolUnderAttack, corpus: readonly RudeRequest[]): Promise<string[]> {
  const found: string[] = [];
  const waiting = corpus.values();
  const lane = async () => {
    for (const rude of waiting) {
      const fault = await faultOf(protocol, rude).catch((error: Error) => error.message.slice(0, 300));
      if (fault !== null) found.push(`${rude.what}: ${fault}`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  if ((await ordinary()) !== ANSWER) found.push('an ordinary job is answered with something else');
  return found;
}

/** Requests that nginx refuses, or Node before it knows their path. */
const UNREAD = /^(?:TRACE|BREW) |^[A-Z]+ [^? ]*%(?:00|(?![\da-f]{2}))/i;

async function faultOf(protocol: ProtocolUnderAttack, rude: RudeRequest): Promise<string | null> {
  const { bytes, mayPass = false, halfClose = false } = rude;
  const [firstLine = ''] = bytes.toString('latin1').split('\r\n', 1);
  const isUnread = rude.isUnread === true || UNREAD.test(firstLine);
  const isError = isUnread ? isProblem : protocol.isError;
  const { bytes: answer } = await exchange(system.url, [bytes], { halfClose });
  if (answer.length === 0) return halfClose ? null : 'no answer';
  const text = answer.toString('utf8');
  const [, head = '', sent = ''] = /^(.*?)\r\n\r\n(.*)$/s.exec(text) ?? [];
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
  const contentType = /^content-type: (.*)$/im.exec(head)?.[1] ?? '';
  if (status >= 500 && status !== 501) return `${status} ${sent.slice(0, 200)}`;
  if (status < 400) return mayPass ? null : `was taken: ${status} ${sent.slice(0, 100)}`;
  const body = /^transfer-encoding: chunked$/im.test(head) ? dechunked(sent) : sent;
  if (bytes.toString('latin1', 0, 4) === 'HEAD') return body === '' ? null : 'HEAD with a body';
  try {
    return isError(body, contentType) ? null : `${status} ${contentType}: ${body.slice(0, 200)}`;
  } catch {
    return `${status} ${contentType}: ${body.slice(0, 200)}`;
  }
}

function dechunked(body: string): string {
  return body.replace(/([0-9a-f]+)\r\n([\s\S]*?)\r\n(?=[0-9a-f]+\r\n|$)/g, '$2');
}

/** Begins to ask, or to read, and goes: at once, while the body is sent, or with the answer unread. */
async function leaveMidway({ create: path, body }: ProtocolUnderAttack, nth: number): Promise<void> {
  const sent = requestBytes({ path, body: JSON.stringify(body(QUESTION)) });
  const pieces = [[sent.subarray(0, 20)], [sent.subarray(0, -3)], [sent], [sent, sent]][nth % 4] ?? [sent];
  await exchange(system.url, pieces, { timeoutMs: 20 * (nth % 10) }).catch(() => undefined);
}

async function endedJob(): Promise<string> {
  const answer = await fetch(`${system.url}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', prefer: 'wait=20' },
    body: JSON.stringify({ query: QUESTION }),
  });
  return ((await answer.json()) as { id: string }).id;
}

async function ordinary(): Promise<string> {
  const answer = await fetch(`${system.url}/jobs`, {
    method: 'POST',
    headers: { accept: 'text/plain', 'content-type': 'application/json' },
    body: JSON.stringify({ query: QUESTION }),
  });
  return answer.text();
}
