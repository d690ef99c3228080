import { getGlobalDispatcher } from 'undici';
import { PushedResponse } from './pushed-response.ts';

/** `fetch`, whose response bodies can also be read without a web stream: see `sourceOf`.
 *
 *  Reading a lone token costs 35 µs of CPU through `fetch` and 20 µs through undici's dispatcher; 16 µs of either belong to
 *  Node and the kernel for the socket (measured: 200 answers at 50 tokens/s).
 *
 *  It does not follow redirects, which would send key and prompt elsewhere, and has no timeout of its own. Requests with a
 *  body other than a string go to Node's `fetch`.
 *  It uses the connections of the process. @see useModelConnections
 *  @throws what `fetch` throws: TypeError with the reason as its cause; the signal's reason
 *  @see docs/adr/0029-connections-of-our-own.md */
export async function pushedFetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const { body, method = 'GET', signal = null } = init;
  const url = input instanceof Request ? null : new URL(input);
  if (url === null || !isPlain(url) || typeof body !== 'string') return fetch(input, { ...init, redirect: 'manual' });
  signal?.throwIfAborted();
  const answer = new PushedResponse(signal);
  getGlobalDispatcher().dispatch(
    {
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: { ...FETCH_HEADERS, ...Object.fromEntries(new Headers(init.headers)) },
      body,
    },
    answer,
  );
  return answer.response;
}

/** The defaults of `fetch`, except that they refuse compression: compressed tokens arrive later and are hardly smaller. */
const FETCH_HEADERS = {
  accept: '*/*',
  'accept-encoding': 'identity',
  'content-type': 'text/plain;charset=UTF-8',
  'user-agent': 'node',
};

function isPlain({ protocol, username, password }: URL): boolean {
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}
