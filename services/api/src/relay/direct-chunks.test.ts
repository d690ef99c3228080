import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deferred } from '@millrace/testing';
import fc from 'fast-check';
import { DirectChunks } from './direct-chunks.ts';
import { ResponseBody } from './response-body.ts';

/** Chunks on a Node that has no field `chunkedEncoding`. */
class WithoutField extends DirectChunks {
  override socketOf() {
    return super.socketOf({} as ServerResponse);
  }
}

let server: Server;
let port: number;
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Sends raw requests. @returns one response for each, with its head out */
async function responsesTo(...requests: readonly string[]): Promise<ServerResponse[]> {
  const responses: ServerResponse[] = [];
  const all = deferred<void>();
  answer = (response) => {
    response.writeHead(200).flushHeaders();
    if (responses.push(response) === requests.length) all.resolve();
  };
  connect(port, '127.0.0.1')
    .on('error', () => undefined) // the server closes it after the test
    .write(requests.join(''));
  await all.promise;
  return responses;
}

describe('what node:http must do for direct chunks', () => {
  it('names the socket of an HTTP/1.1 response whose head is out', async () => {
    const [response] = await responsesTo('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(response?.socket).not.toBeNull();
    expect(new DirectChunks().socketOf(response as ServerResponse)).toBe(response?.socket);
  });

  it('names none for HTTP/1.0, which has no chunks', async () => {
    const [response] = await responsesTo('GET / HTTP/1.0\r\nHost: x\r\n\r\n');
    expect(new DirectChunks().socketOf(response as ServerResponse)).toBeNull();
  });

  it('names none while an earlier response has the connection', async () => {
    const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    const [first, second] = await responsesTo(request, request);
    expect(new DirectChunks().socketOf(first as ServerResponse)).not.toBeNull();
    expect(new DirectChunks().socketOf(second as ServerResponse)).toBeNull();
  });

  it.each([
    ['its socket', DirectChunks],
    ['the response, on a Node without the field', WithoutField],
  ])('sends a body that is written to %s whole, in order, and with its end (property)', async (_, Chunks) => {
    const sizes = fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        const parts = lengths.map((length, index) => Buffer.alloc(length, String.fromCharCode(97 + index)));
        answer = (response) => {
          const finish = () => !body.isBlocked && !body.isMidway && !body.ended && body.end();
          const body = new ResponseBody(response, new Chunks(), finish);
          body.begin({ 'Content-Type': 'text/plain' }, Buffer.from('opening'));
          for (const part of parts) body.write(part);
          finish();
        };
        const [message] = (await once(get({ host: '127.0.0.1', port, agent: false }), 'response')) as [IncomingMessage];
        expect(Buffer.concat([Buffer.from('opening'), ...parts]).equals(await buffer(message))).toBe(true);
        expect(message.complete).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});
