import { createParser } from 'eventsource-parser';
import type { TimedAnswer, TimedChunk } from '../measure/timed-request.ts';

/** When a client had what, milliseconds since it began its request. */
export interface Marks {
  /** status and headers: the service lives; nothing of the answer */
  readonly headersMs: number;
  /** any byte of the body, a `retry:` hint for instance */
  readonly firstByteMs: number;
  /** the first text of the answer that a client could show */
  readonly firstTokenMs: number;
  readonly endMs: number;
}

/** An answer as its client read it. */
export interface Reading {
  readonly text: string;
  readonly marks: Marks;
}

/** Reads an answer of `POST /jobs`, an event stream or a job in JSON, as a client does.
 *  @throws Error it is neither, or has no text */
export function readAnswer(answer: TimedAnswer): Reading {
  const { headersMs, endMs, chunks } = answer;
  const { text, firstTokenMs } = said(answer);
  const firstByteMs = chunks[0]?.atMs;
  if (firstByteMs === undefined || firstTokenMs === undefined) throw new Error(`status ${answer.status}, but no text`);
  return { text, marks: { headersMs, firstByteMs, firstTokenMs, endMs } };
}

interface Said {
  readonly text: string;
  readonly firstTokenMs: number | undefined;
}

function said({ contentType, chunks, endMs, status }: TimedAnswer): Said {
  if (contentType.startsWith('text/event-stream')) return saidInEvents(chunks);
  const body = Buffer.concat(chunks.map(({ bytes }) => bytes)).toString();
  if (status !== 200) throw new Error(`status ${status}: ${body}`);
  const { text } = JSON.parse(body) as { text: string };
  // JSON is of no use before it is whole
  return { text, firstTokenMs: endMs };
}

function saidInEvents(chunks: readonly TimedChunk[]): Said {
  let text = '';
  let now = 0;
  let firstTokenMs: number | undefined;
  const parser = createParser({
    onEvent: ({ event, data }) => {
      // only text goes unnamed
      if (event !== undefined) return;
      firstTokenMs ??= now;
      text += (JSON.parse(data) as { text: string }).text;
    },
  });
  const decoder = new TextDecoder();
  for (const { bytes, atMs } of chunks) {
    now = atMs;
    parser.feed(decoder.decode(bytes, { stream: true }));
  }
  return { text, firstTokenMs };
}
