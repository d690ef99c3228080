import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from '@jest/globals';
import { Millrace, newRequestId } from '@millrace/client';
import type { Service } from '../service.ts';
import { examineStream } from './stream.ts';

it('a stream is opened elsewhere, if one of several Redis refuses it', async () => {
  const otherId = newRequestId();
  const posted: unknown[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'POST') return response.writeHead(404).end();
    posted.push(request.headers['x-request-id']);
    if (posted.at(-1) === otherId)
      return response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hb\n');
    response.writeHead(503, { 'content-type': 'application/problem+json' });
    return response.end(JSON.stringify({ detail: 'not now', otherIds: [otherId] }));
  };
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const service = { url, headers: {}, millrace: new Millrace({ baseUrl: url }) } as unknown as Service;
  const findings = await examineStream(service, { whole: false });
  server.closeAllConnections();
  server.close();
  expect(findings.filter(({ verdict }) => verdict === 'fault')).toEqual([]);
  expect(posted).toEqual([expect.stringMatching(/^doctor-/), otherId]);
});
