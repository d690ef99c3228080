import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream';
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

/** A stream of states said nothing for longer than it may. */
class Silent extends Error {}

/** Whether it helps nothing to try again. */
export function isFinal(error: unknown): boolean {
  return error instanceof Refused && error.status < 500 && error.status !== 429;
}

/** What went wrong, in words for people. */
export function sentenceOf(error: unknown): string {
  if (isFinal(error)) return (error as Refused).message;
  if (error instanceof Refused) return `${error.message} Trying again.`;
  if (error instanceof Silent) return 'The service has gone silent. The figures are the last known ones. Trying again.';
  return 'The connection is lost. Trying again.';
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
 *  @param silenceMs how long it may say nothing: a connection that is half open never ends by itself
 *  @throws as {@link request}, and Silent */
export async function* liveEvents(
  path: string,
  signal: AbortSignal,
  silenceMs: number,
): AsyncGenerator<{ event: string; data: unknown }> {
  const silence = new AbortController();
  const hear = () => setTimeout(() => silence.abort(), silenceMs);
  let timer = hear();
  try {
    const both = AbortSignal.any([signal, silence.signal]);
    const answer = await request(path, { signal: both, headers: { accept: 'text/event-stream' } });
    for await (const { event, data } of eventsOf(answer)) {
      clearTimeout(timer);
      timer = hear();
      yield { event: event ?? 'message', data: JSON.parse(data) as unknown };
    }
  } catch (error) {
    throw silence.signal.aborted ? new Silent() : error;
  } finally {
    clearTimeout(timer);
  }
}

async function* eventsOf({ body }: Response): AsyncGenerator<EventSourceMessage> {
  if (body === null) return;
  const reader = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
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
