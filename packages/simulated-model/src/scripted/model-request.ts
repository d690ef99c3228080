import type { IncomingHttpHeaders } from 'node:http';
import type { ModelUsage } from './model-step.ts';

/** The fields of a request for a chat completion, or for a response, that the simulated model reads. */
export interface ChatRequest {
  readonly model?: string;
  readonly messages?: readonly { readonly role: string; readonly content: unknown }[];
  /** only of a response: its messages, and calls of tools with their results, which have no role */
  readonly input?: string | readonly { readonly role?: string; readonly content?: unknown }[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly [field: string]: unknown;
}

/** How and when the connection of a request ended. */
export interface RequestEnd {
  /** `client`: the client left before the answer was whole · `server`: the answer is whole, or the model reset it */
  readonly by: 'client' | 'server';
  /** `performance.now()` of this process */
  readonly at: number;
}

/** A request that the simulated model received. */
export interface ModelRequest {
  /** 0, 1, … in order of arrival */
  readonly index: number;
  /** `performance.now()` of its arrival */
  readonly at: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: ChatRequest;
  /** the text of the last user message */
  readonly prompt: string;
  /** the text written so far */
  said: string;
  /** what the model has said that it used, at the end of its answer; null: it did not get there, or was not asked to */
  reported: ModelUsage | null;
  /** whether the model reset the connection */
  wasReset: boolean;
  /** settles after the whole answer, or when the client closes the connection */
  readonly ended: Promise<RequestEnd>;
}

/** The text of the last user message; content parts are joined. */
export function promptOf({ messages, input }: ChatRequest): string {
  if (typeof input === 'string') return input;
  const content = (messages ?? input)?.findLast(({ role }) => role === 'user')?.content;
  if (!Array.isArray(content)) return typeof content === 'string' ? content : '';
  return content.map((part: { readonly text?: string }) => part.text ?? '').join('');
}
