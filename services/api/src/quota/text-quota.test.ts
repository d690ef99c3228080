import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { TooManyTexts } from '../http/problem.ts';
import { TextQuota } from './text-quota.ts';

const AT_A_TIME = 8;
const WAITING = 64;

/** A response that only closes. */
class Response extends EventEmitter {
  destroyed = false;

  close(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

let quota: TextQuota;

beforeEach(() => {
  jest.useFakeTimers();
  quota = new TextQuota();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Asks for a permit. */
function ask(tenant = 'a') {
  const response = new Response();
  const outcome = { state: 'waits' };
  const begun = quota.acquireText(tenant, response as unknown as ServerResponse).then(
    () => {
      outcome.state = 'begun';
    },
    (error: unknown) => {
      outcome.state = error instanceof TooManyTexts ? 'refused' : 'failed';
    },
  );
  return { response, outcome, begun };
}

async function fill(count: number, tenant = 'a') {
  const asked = Array.from({ length: count }, () => ask(tenant));
  await Promise.resolve();
  return asked;
}

describe('the long texts of a tenant', () => {
  it('have their permits passed on in the order of asking, past those that have left', async () => {
    const [first, second] = await fill(AT_A_TIME);
    const [leaver, next, last] = await fill(3);
    leaver?.response.close();
    await leaver?.begun;
    first?.response.close();
    await next?.begun;
    expect([leaver, next, last].map((asked) => asked?.outcome.state)).toEqual(['refused', 'begun', 'waits']);
    second?.response.close();
    await last?.begun;
    expect(last?.outcome.state).toBe('begun');
  });

  it('are refused after a while, and at once when too many wait; other tenants are not', async () => {
    await fill(AT_A_TIME);
    const waiting = await fill(WAITING);
    const beyond = ask();
    await beyond.begun;
    expect(beyond.outcome.state).toBe('refused');
    const other = ask('b');
    await other.begun;
    expect(other.outcome.state).toBe('begun');
    jest.advanceTimersByTime(5_000);
    await Promise.all(waiting.map(({ begun }) => begun));
    expect(new Set(waiting.map(({ outcome }) => outcome.state))).toEqual(new Set(['refused']));
    expect(jest.getTimerCount()).toBe(0);
  });

  it('leave all permits free when they have ended', async () => {
    const asked = [...(await fill(AT_A_TIME)), ...(await fill(3))];
    for (const { response } of asked) {
      response.close();
      await Promise.resolve();
    }
    await Promise.all(asked.map(({ begun }) => begun));
    const again = await fill(AT_A_TIME);
    await Promise.all(again.map(({ begun }) => begun));
    expect(again.map(({ outcome }) => outcome.state)).toEqual(again.map(() => 'begun'));
  });
});
