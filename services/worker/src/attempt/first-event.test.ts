import { describe, expect, it } from '@jest/globals';
import { untilFirstEvent } from './first-event.ts';

const POLICY = { retries: 2, minDelayMs: 1, maxDelayMs: 5 };

const overloaded = () => Object.assign(new Error('overloaded'), { status: 503 });

/** A pipeline that fails once per error, then yields `a`. */
function failing(errors: unknown[]) {
  const tries: number[] = [];
  async function* start(): AsyncGenerator<string, string, void> {
    tries.push(tries.length + 1);
    const error = errors.shift();
    if (error !== undefined) throw error;
    yield 'a';
    return 'end';
  }
  return { start, tries };
}

function open(start: () => AsyncGenerator<string, string, void>, signal = new AbortController().signal) {
  const retried: string[] = [];
  const opened = untilFirstEvent(start, POLICY, { signal, onRetry: ({ code }) => retried.push(code) });
  return { opened, retried };
}

describe('a pipeline', () => {
  it('is retried after transient failures until its first event', async () => {
    const { start, tries } = failing([overloaded(), new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })]);
    const { opened, retried } = open(start);
    const { first, events } = await opened;
    expect(first).toEqual({ done: false, value: 'a' });
    expect(await events.next()).toEqual({ done: true, value: 'end' });
    expect(tries).toHaveLength(3);
    expect(retried).toEqual(['MODEL_ERROR', 'MODEL_ERROR']);
  });

  it('is retried as often as the policy allows, and its last error counts', async () => {
    const last = overloaded();
    const { start, tries } = failing([overloaded(), overloaded(), last, overloaded()]);
    await expect(open(start).opened).rejects.toBe(last);
    expect(tries).toHaveLength(3);
  });

  it('is not retried after a permanent failure', async () => {
    const refused = Object.assign(new Error('refused'), { status: 401 });
    const { start, tries } = failing([refused]);
    await expect(open(start).opened).rejects.toBe(refused);
    expect(tries).toHaveLength(1);
  });

  it('is abandoned at once when the attempt ends, whatever it waits for', async () => {
    const abort = new AbortController();
    const { opened } = open(async function* () {
      await new Promise(() => undefined);
      yield 'never';
      return '';
    }, abort.signal);
    abort.abort('cancelled');
    await expect(opened).rejects.toBe('cancelled');
  });

  it('is not retried when the attempt ends between two tries', async () => {
    const abort = new AbortController();
    const busy = Object.assign(new Error('busy'), { status: 429, headers: { 'retry-after': '60' } });
    const { start, tries } = failing([busy]);
    const opened = untilFirstEvent(
      start,
      { ...POLICY, maxDelayMs: 60_000 },
      { signal: abort.signal, onRetry: () => abort.abort('cancelled') },
    );
    await expect(opened).rejects.toBe('cancelled');
    expect(tries).toHaveLength(1);
  });

  it('may end without an event', async () => {
    const { first } = await open(async function* () {
      yield* [];
      return 'end';
    }).opened;
    expect(first).toEqual({ done: true, value: 'end' });
  });
});
