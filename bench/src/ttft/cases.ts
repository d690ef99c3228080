import { timedPost } from '../measure/timed-request.ts';
import { type Reading, readAnswer } from './reading.ts';
import type { ProxyKind, Stage } from './stage.ts';

/** One way to get the same answer to the same client. */
export interface Case {
  readonly id: string;
  readonly label: string;
  readonly proxy: ProxyKind;
  readonly headers: Readonly<Record<string, string>>;
  /** whether the picture shows it */
  readonly pictured: boolean;
}

const stream = { accept: 'text/event-stream' };

/** In the order of the table. */
export const CASES: readonly Case[] = [
  {
    id: 'no-streaming',
    label: 'no streaming (Prefer: wait)',
    proxy: 'unbuffered',
    headers: { accept: 'application/json', prefer: 'wait=30' },
    pictured: true,
  },
  {
    id: 'proxy-defaults',
    label: "streaming, nginx's defaults (buffering on)",
    proxy: 'defaults',
    headers: stream,
    pictured: true,
  },
  {
    id: 'proxy-buffered-http11',
    label: 'streaming, buffering on, HTTP/1.1 to the API',
    proxy: 'buffered',
    headers: stream,
    pictured: false,
  },
  {
    id: 'streaming',
    label: "streaming, buffering off (Millrace's proxy)",
    proxy: 'unbuffered',
    headers: stream,
    pictured: true,
  },
];

/** Asks once, as the case says, and reads the answer to its end. */
export async function askOnce({ proxy, headers }: Case, { urls }: Stage, signal: AbortSignal): Promise<Reading> {
  return readAnswer(await timedPost(`${urls[proxy]}/jobs`, { query: 'Why is the sky blue?' }, { headers, signal }));
}
