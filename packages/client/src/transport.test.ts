import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type Fetch, Transport } from './transport.ts';

afterEach(() => void jest.useRealTimers());

describe('a request for JSON', () => {
  /** A server that takes a request, and says nothing. */
  const silent: Fetch = (_, { signal }) =>
    new Promise((_resolve, reject) => {
      if (signal?.aborted) reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  const transport = new Transport({ baseUrl: '', fetch: silent });
  const get = { method: 'GET', path: '/' } as const;

  it.each([
    ['a minute', get, 60_000],
    ['ten minutes, if it has a body', { ...get, method: 'POST', body: {} } as const, 600_000],
  ])('counts as lost when the server says nothing for %s', async (_, request, delayMs) => {
    jest.useFakeTimers();
    const failed = jest.fn();
    void transport.json(request).catch(failed);
    await jest.advanceTimersByTimeAsync(delayMs - 1);
    expect(failed).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: 'UNREACHABLE', retryable: true }));
    expect(jest.getTimerCount()).toBe(0);
  });

  it('ends with the signal of the caller, and leaves no timer', async () => {
    jest.useFakeTimers();
    const stop = new AbortController();
    const asked = transport.json({ ...get, signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    expect(jest.getTimerCount()).toBe(0);
  });
});
