import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from '@jest/globals';
import { MillraceAdmin } from './admin.ts';
import { ConnectionLost, LimitReached, Unavailable } from './errors.ts';

type Answer = (response: ServerResponse) => unknown;

const refused =
  (status: number): Answer =>
  (response) =>
    response.writeHead(status, { 'retry-after': '0' }).end();

const stream =
  (...events: string[]): Answer =>
  (response) =>
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(events.join(''));

const picture = (at: string) => `retry: 1\nevent: service\ndata: {"at":"${at}"}\n\n`;

/** A service that gives these answers, one a request. */
async function serving(...answers: Answer[]) {
  const server = createServer((_, response) => (answers.shift() ?? refused(500))(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { admin: new MillraceAdmin({ baseUrl }), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

it('shows the service over as many connections as it takes, and when it cannot say anything', async () => {
  await using service = await serving(
    refused(503),
    stream(picture('one'), 'event: unavailable\ndata: {}\n\n', 'event: of a newer server\ndata: {}\n\n'),
    refused(429),
    stream(picture('two')),
  );
  const seen: unknown[] = [];
  const causes: unknown[] = [];
  for await (const view of service.admin.now({ onReconnect: ({ cause }) => causes.push(cause) })) {
    seen.push(view?.at ?? null);
    if (seen.length === 3) break;
  }
  expect(seen).toEqual(['one', null, 'two']);
  expect(causes).toEqual([expect.any(Unavailable), expect.any(ConnectionLost), expect.any(LimitReached)]);
});

it('gives up after as many failures as it is told, at once where it is refused, and with the reason of a signal', async () => {
  await using service = await serving(refused(503), refused(429));
  const first = () => service.admin.now({ maxFailures: 0 }).next();
  await expect(first()).rejects.toThrow(Unavailable);
  await expect(service.admin.now().next()).rejects.toThrow(LimitReached);
  await expect(service.admin.now({ signal: AbortSignal.abort(new Error('left')) }).next()).rejects.toThrow('left');
});
