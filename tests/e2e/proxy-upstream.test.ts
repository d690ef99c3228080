import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort, startNginx } from '@millrace/testing';
import { proxyFiles } from '../../infra/nginx/render.mjs';

// The nodes are HTTP servers of the test: it checks what nginx sends them, and a real API cannot fail midway to order.
describe('nginx and the nodes behind it', () => {
  let parts: AsyncDisposableStack;
  beforeEach(() => {
    parts = new AsyncDisposableStack();
  });
  afterEach(() => parts.disposeAsync());

  /** @returns the address, `127.0.0.1:41234` */
  async function startNode(answer: RequestListener): Promise<string> {
    const server = createServer(answer);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    parts.defer(async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function startProxy(nodes: readonly string[]): Promise<string> {
    const port = await freePort();
    const { url } = parts.use(await startNginx({ files: proxyFiles({ listen: `127.0.0.1:${port}`, nodes }), port }));
    return url;
  }

  const post = (url: string) => fetch(`${url}/jobs`, { method: 'POST', body: '{"query":"x"}' });

  it('speak HTTP/1.1 and keep the connection, and the node sees the host that the client named', async () => {
    const seen: IncomingMessage[] = [];
    const node = await startNode((request, response) => {
      seen.push(request);
      response.end('ok');
    });
    const url = await startProxy([node]);
    for (const path of ['/jobs/one', '/jobs/two']) {
      await (await fetch(`${url}${path}`)).text();
    }
    expect(seen.map(({ httpVersion, headers }) => [httpVersion, headers.connection, headers.upgrade])).toEqual([
      ['1.1', undefined, undefined],
      ['1.1', undefined, undefined],
    ]);
    expect(seen.map(({ headers }) => `http://${headers.host}`)).toEqual([url, url]);
  });

  it('run a POST once: a node that breaks off after it has it is not followed by another', async () => {
    const bodies: string[] = [];
    const answer: RequestListener = async (request, response) => {
      bodies.push(await text(request));
      response.destroy();
    };
    const url = await startProxy([await startNode(answer), await startNode(answer)]);
    const refused = await post(url);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ code: 'UNAVAILABLE' });
    expect(bodies).toEqual(['{"query":"x"}']);
  });

  it('give a POST to the next node while nothing of it was sent, and repeat a GET', async () => {
    let first = true;
    const answer: RequestListener = (request, response) => {
      if (request.url === '/jobs/broken' && first) response.destroy();
      else response.end('ok');
      first = false;
    };
    const nodes = [await startNode(answer), await startNode(answer)];
    expect((await fetch(`${await startProxy(nodes)}/jobs/broken`)).status).toBe(200);
    const nobody = `127.0.0.1:${await freePort()}`;
    const url = await startProxy([nobody, await startNode(answer)]);
    const answers = [await post(url), await post(url), await post(url)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});
