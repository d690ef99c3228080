import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Connection } from './connection.ts';
import { MillraceError } from './errors.ts';
import { isJobEventType, type JobEvent } from './job-event.ts';
import { interpret, type StandardEvent } from './testing/standard-sse.ts';
import { Transport } from './transport.ts';

const bytesOf = (text: string) => [...new TextEncoder().encode(text)];

const line: fc.Arbitrary<readonly number[]> = fc.oneof(
  { weight: 6, arbitrary: fc.jsonValue().map((value) => bytesOf(`data: ${JSON.stringify(value)}`)) },
  {
    weight: 2,
    // JSON over several lines, invalid JSON, and almost no data
    arbitrary: fc
      .constantFrom('data: {"text":', 'data:"x"}', 'data', 'data:', 'data:  1', 'data: }', 'data: a\0b')
      .map(bytesOf),
  },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('done', 'text', 'reset', 'unknown', 'message', '__proto__', ' done', '')
      .map((type) => bytesOf(`event: ${type}`)),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('id: 1-1', 'id:2-1', 'id: 3-1 ', 'id: a\0b', 'id:', 'id', 'idle').map(bytesOf),
  },
  { weight: 1, arbitrary: fc.constantFrom('retry: 10', 'retry:007', 'retry: 1x', 'retry: -1', 'retry').map(bytesOf) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(':', ': hb', ':data: 1', 'colour: red', 'DATA: 1', ' data: 1', 'data : 1', '\ufeffdata: 1')
      .map(bytesOf),
  },
  { weight: 1, arbitrary: fc.constantFrom([0xff], [...bytesOf('data: "'), 0xf0, 0x9f, ...bytesOf('"')], [0xc0, 0x80]) },
);
const end = fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\r', '\r\n\r\n', '\n\r', '').map(bytesOf);

const stream = fc
  .record({ mark: fc.constantFrom('', '\ufeff'), lines: fc.array(fc.tuple(line, end), { maxLength: 30 }) })
  .map(({ mark, lines }) => Uint8Array.from([...bytesOf(mark), ...lines.flat(2)]));

/** What this client reads from a body that arrives in these pieces. */
async function read(body: Uint8Array, sizes: readonly number[]) {
  const pieces = new ReadableStream({
    start(controller) {
      for (let at = 0, turn = 0; at < body.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? body.length;
        controller.enqueue(body.slice(at, at + size));
        at += size;
      }
      controller.close();
    },
  });
  const response = new Response(pieces, { headers: { 'content-type': 'text/event-stream' } });
  const transport = new Transport({ baseUrl: '', fetch: () => Promise.resolve(response) });
  const connection = await Connection.open(transport, { method: 'GET', path: '/', signal: null }, 60_000);
  const events: JobEvent[] = [];
  const retries: number[] = [];
  const notes = { alive: () => undefined, retry: (retryMs: number) => retries.push(retryMs), isNew: () => true };
  try {
    for await (const event of connection.events(notes)) events.push(event);
    return { events, retries, failure: null };
  } catch (error) {
    if (error instanceof MillraceError) return { events, retries, failure: error.code };
    throw error;
  }
}

/** The same by the standard: up to the first of our events whose data is not JSON. */
function expected(body: Uint8Array) {
  const { events, retries } = interpret(body);
  const ours = events.filter(({ event }) => isJobEventType(event || 'text'));
  const broken = ours.findIndex(({ data }) => !isJson(data));
  const good = broken === -1 ? ours : ours.slice(0, broken);
  return { events: good.map(jobEvent), retries, failure: broken === -1 ? null : 'BAD_ANSWER' };
}

function jobEvent({ id, event, data }: StandardEvent) {
  return { id, type: event || 'text', data: JSON.parse(data) as unknown };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('a connection', () => {
  it('finds the events that the standard finds, whatever the bytes and wherever they are cut (property)', async () => {
    await fc.assert(
      fc.asyncProperty(stream, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), async (body, sizes) => {
        const { retries, ...found } = await read(body, sizes);
        const { retries: hints, ...standard } = expected(body);
        expect(found).toEqual(standard);
        // a failure ends the reading: ignore what came after it
        expect(retries).toEqual(found.failure === null ? hints : hints.slice(0, retries.length));
      }),
      { numRuns: 1_000 },
    );
  });

  it('throws nothing but its own errors, whatever the bytes (property)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 40 }), async (body, size) => {
        expect((await read(body, [size])).failure).toEqual(expected(body).failure);
      }),
      { numRuns: 500 },
    );
  });
});
