import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type BodySource, type ByteSink, bindSource } from './body-source.ts';
import { CompletionStream } from './completion-stream.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** A stream over a source that the test pushes itself. */
function start() {
  let sink: ByteSink | undefined;
  const abort = jest.fn<BodySource['abort']>();
  const response = bindSource(new Response(''), {
    pushTo: (given) => {
      sink = given;
    },
    resume: () => undefined,
    abort,
  });
  const stream = new CompletionStream(response);
  return { stream, abort, push: (text: string) => sink?.bytes(Buffer.from(text)) };
}

const frame = (content: string) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: 'stop' }] })}\n\n`;

describe('a streamed completion', () => {
  it('waits for more after each word, where every frame has a reason to stop, and ends 2 s after the last', async () => {
    const { stream, abort, push } = start();
    for (const word of ['a', 'b', 'c']) {
      push(frame(word));
      expect(await stream.next()).toMatchObject({ value: { choices: [{ delta: { content: word } }] } });
      jest.advanceTimersByTime(1_999);
    }
    expect(abort).not.toHaveBeenCalled();
    const last = stream.next();
    jest.advanceTimersByTime(1);
    expect(await last).toEqual({ done: true, value: undefined });
    expect(abort).toHaveBeenCalledTimes(1);
  });

  it('cuts off a body that is too large for one JSON text, and keeps nothing of it', async () => {
    const { stream, abort, push } = start();
    const next = stream.next();
    push('{"a":"');
    const part = 'x'.repeat(4 * 1024 * 1024);
    for (let count = 0; count < 8; count += 1) push(part);
    await expect(next).rejects.toThrow('too long');
    expect(abort).toHaveBeenCalledTimes(1);
  });

  it('cuts off a frame that never ends, after the chunks before it', async () => {
    const { stream, abort, push } = start();
    push(frame('a'));
    push('data: {"choices":[{"delta":{"content":"');
    const part = 'x'.repeat(4 * 1024 * 1024);
    for (let count = 0; count < 4; count += 1) push(part);
    expect(await stream.next()).toMatchObject({ value: { choices: [{ delta: { content: 'a' } }] } });
    expect(abort).toHaveBeenCalledTimes(1);
  });

  it.each(['data: ', 'event: ', 'id: ', 'data: x\ndata: '])('fails at an endless %j', async (prefix) => {
    const { stream, abort, push } = start();
    const next = stream.next();
    push(prefix);
    const part = 'x'.repeat(4 * 1024 * 1024);
    for (let count = 0; count < 4; count += 1) push(part);
    await expect(next).rejects.toThrow('too long');
    expect(abort).toHaveBeenCalledTimes(1);
  });
});
