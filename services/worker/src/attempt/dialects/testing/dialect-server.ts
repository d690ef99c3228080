import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { streamChatModel } from '../../../pipelines/chat/stream-chat-model.ts';
import type { ModelObserver } from '../../../pipelines/definition/model-observer.ts';
import { CompletionRequests } from '../../../pipelines/models/openai/completion-requests.ts';
import { QuickChat } from '../../../pipelines/models/openai/quick-chat.ts';
import { failureOf } from '../../failure.ts';
import { untilFirstEvent } from '../../first-event.ts';

/** A server's response, and the outcome that a job's reader must get. */
export interface Case {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** each part of a list arrives in a read of its own */
  readonly body: string | Buffer | readonly (string | Buffer)[];
  /** the connection after the body */
  readonly afterwards?: 'close' | 'stay' | 'reset' | 'heartbeats';
  readonly text?: string;
  readonly reasoning?: string;
  readonly toolCalls?: readonly (readonly [callId: string, name: string, args: string])[];
  readonly usage?: readonly [input: number, output: number];
  readonly finishReason?: string;
  /** the code of an error; without one, the answer ends `done` */
  readonly code?: string;
  readonly retryable?: boolean;
  /** the response to the next request; default: this one again */
  readonly next?: Case;
  /** the number of requests; default 1 */
  readonly calls?: number;
}

export const frame = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
export const choice = (delta: unknown, reason: unknown = null, more: object = {}) =>
  frame({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: reason }], ...more });
export const text = (content: unknown) => choice({ content });
export const call = (...calls: unknown[]) => choice({ tool_calls: calls });
export const STOP = choice({}, 'stop');
export const CALLS = choice({}, 'tool_calls');
export const DONE = 'data: [DONE]\n\n';
export const HELLO = text('Hello');
export const whole = (message: object, more: object = {}) =>
  JSON.stringify({
    id: 'c',
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    ...more,
  });
export const fn = (name: string, args: unknown, more: object = {}) => ({
  ...more,
  function: { name, arguments: args },
});

export type Way = 'without LangChain’s messages' | 'with LangChain’s messages';
export const WAYS: readonly Way[] = ['without LangChain’s messages', 'with LangChain’s messages'];

/** A server that speaks a dialect of OpenAI's protocol, for the tests of one file. */
export class DialectServer {
  /** the bodies of the requests of the current test */
  readonly requests: { readonly stream_options?: unknown }[] = [];
  #current: Case = { body: '' };
  /** called when the model's stream has read something */
  #onRead: () => void = () => undefined;
  readonly #server = createServer(async (request, response) => {
    this.requests.push(JSON.parse(Buffer.concat(await request.toArray()).toString()) as object);
    const answer = this.#current;
    this.#current = answer.next ?? answer;
    await this.#respond(answer, response);
  });

  constructor() {
    beforeAll(async () => {
      this.#server.listen(0, '127.0.0.1');
      await once(this.#server, 'listening');
    });
    afterAll(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
    beforeEach(() => {
      this.requests.length = 0;
    });
  }

  /** Sets the response to the next request. */
  answer(response: Case): void {
    this.#current = response;
  }

  /** A chat model of this server. */
  model(
    way: Way,
    { onActivity, onUsage, requests }: Partial<ModelObserver> & { readonly requests?: CompletionRequests } = {},
  ): QuickChat {
    const baseURL = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
    const fields = {
      ...{ model: 'm', apiKey: 'k', maxRetries: 0, streamUsage: true, useResponsesApi: false },
      configuration: { logLevel: 'off' as const, baseURL },
      // a callback needs LangChain's messages
      ...(way === 'with LangChain’s messages' ? { callbacks: [{ handleLLMNewToken: () => undefined }] } : {}),
    };
    return new QuickChat(fields, requests, {
      onActivity: (activity) => {
        this.#onRead();
        onActivity?.(activity);
      },
      onUsage: (increase) => onUsage?.(increase),
    });
  }

  async #respond({ status = 200, headers = {}, body, afterwards = 'close' }: Case, response: ServerResponse) {
    response.writeHead(status, { 'content-type': 'text/event-stream', ...headers });
    if (status !== 204) response.flushHeaders();
    for (const part of Array.isArray(body) ? body : [body]) {
      const read = new Promise<void>((resolve) => {
        this.#onRead = resolve;
      });
      response.write(part);
      if (Array.isArray(body) || afterwards === 'reset') await read;
    }
    if (afterwards === 'close') response.end();
    if (afterwards === 'reset') response.socket?.resetAndDestroy();
    if (afterwards === 'heartbeats') {
      const beat = setInterval(() => response.write(': hb\n\n'), 500);
      response.once('close', () => clearInterval(beat));
    }
  }
}

/** The outcome of an answer as a worker sees it, including retries. */
export async function outcomeOf(model: () => QuickChat) {
  const content = { text: '', reasoning: '', toolCalls: [] as string[][] };
  const signal = new AbortController().signal;
  const policy = { retries: 2, minDelayMs: 1, maxDelayMs: 1 };
  try {
    const start = () => streamChatModel(model(), 'hi', { signal });
    const { events, first } = await untilFirstEvent(start, policy, { signal, onRetry: () => undefined });
    let next = first;
    for (; !next.done; next = await events.next()) {
      const { type, data } = next.value;
      if (type === 'text' || type === 'reasoning') content[type] += data.text;
      if (type === 'tool_call') content.toolCalls.push([data.callId, data.name, data.arguments]);
    }
    const { inputTokens, outputTokens } = next.value.usage;
    return { ...content, end: 'done', finishReason: next.value.finishReason, usage: [inputTokens, outputTokens] };
  } catch (error) {
    const { code, retryable } = failureOf(error);
    return { ...content, end: 'error', code, retryable };
  }
}

/** Tests that each case has its outcome, with and without LangChain's messages. */
export function describeDialects(subject: string, cases: Readonly<Record<string, Case>>): void {
  const server = new DialectServer();
  describe.each(WAYS)(`${subject}, read %s`, (way) => {
    it.each(Object.entries(cases))('%s', async (_, given) => {
      server.answer(given);
      const {
        text: expected = '',
        reasoning = '',
        toolCalls = [],
        usage,
        finishReason,
        code,
        retryable,
        calls = 1,
      } = given;
      const requests = new CompletionRequests();
      const outcome = await outcomeOf(() => server.model(way, { requests }));
      expect(outcome).toMatchObject({
        ...(code === undefined ? { end: 'done' } : { end: 'error', code }),
        ...{ text: expected, reasoning, toolCalls },
        ...(finishReason === undefined ? {} : { finishReason }),
        ...(usage === undefined ? {} : { usage }),
        ...(retryable === undefined ? {} : { retryable }),
      });
      expect(server.requests).toHaveLength(calls);
    });
  });
}
