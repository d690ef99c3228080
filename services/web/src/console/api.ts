import { EventSourceParserStream } from 'eventsource-parser/stream';
import { apiKey } from '../chat/api-key.ts';

/** The service refused, in words for people. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** @throws Refused, or what fetch throws without a connection */
export async function request(path: string, init: RequestInit & { readonly json?: unknown } = {}): Promise<Response> {
  const { json, ...rest } = init;
  const headers = new Headers(init.headers);
  const key = apiKey();
  if (key !== undefined) headers.set('x-api-key', key);
  if (json !== undefined) headers.set('content-type', 'application/json');
  const body = json === undefined ? {} : { body: JSON.stringify(json) };
  const answer = await fetch(path, { ...rest, ...body, headers });
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/** @throws as {@link request} */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await request(path, signal === undefined ? {} : { signal })).json()) as T;
}

/** Gives the data of each event until the stream ends.
 *  @throws as {@link request} */
export async function* liveEvents(path: string, signal: AbortSignal): AsyncGenerator<{ event: string; data: unknown }> {
  const answer = await request(path, { signal, headers: { accept: 'text/event-stream' } });
  if (answer.body === null) return;
  const events = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  const reader = events.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield { event: value.event ?? 'message', data: JSON.parse(value.data) as unknown };
    }
  } finally {
    // whoever stops reading gives the connection back; an aborted or broken one has nothing to give
    await reader.cancel().catch(() => {});
  }
}

async function refusal(answer: Response): Promise<Refused> {
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string; title?: string };
  return new Refused(answer.status, problem.detail ?? problem.title ?? `The service answered ${answer.status}.`);
}
