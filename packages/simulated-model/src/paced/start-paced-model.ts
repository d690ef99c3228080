import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { PacedAnswer } from './paced-answer.ts';
import { Pacer } from './pacer.ts';
import { monotonicMicros } from './token.ts';
import { planIn, type TokenPlan } from './token-plan.ts';

/** A running model for measurements. */
export interface PacedModel extends AsyncDisposable {
  /** for `OPENAI_BASE_URL` */
  readonly url: string;
}

/** Max connections that wait to be accepted: a measurement may open thousands at once. */
const BACKLOG = 8_192;

/** An OpenAI-compatible server that is as cheap as Node allows: it sends what the prompt's plan asks for, at the plan's
 *  pace, to any number of callers. Listens on loopback.
 *  Tests that need exact deltas, gates or faults use `startModel()`. */
export async function startPacedModel(port = 0): Promise<PacedModel> {
  const pacer = new Pacer();
  const server = createServer((request, response) => {
    answer(request, response, pacer).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  server.listen({ port, host: '127.0.0.1', backlog: BACKLOG });
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    [Symbol.asyncDispose]: async () => {
      pacer[Symbol.dispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, pacer: Pacer): Promise<void> {
  const plan = planOf(await text(request));
  if (plan === null) {
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ error: { message: 'the last message must be a plan', type: 'invalid_request_error' } }),
    );
    return;
  }
  response.on('error', () => {
    // the caller has disconnected: drop its answer
  });
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.flushHeaders();
  const spoken = new PacedAnswer(plan, response, monotonicMicros());
  if (plan.perSecond > 0 || plan.firstTokenMs > 0) {
    response.once('close', () => pacer.remove(spoken));
    spoken.speak();
    if (!spoken.ended) pacer.add(spoken);
  } else await speakAtOnce(spoken, response);
}

/** Writes as fast as the caller reads, taking turns with the other answers. */
async function speakAtOnce(spoken: PacedAnswer, response: ServerResponse): Promise<void> {
  while (!(spoken.ended || response.destroyed)) {
    if (spoken.speak()) await new Promise(setImmediate);
    else if (!spoken.ended) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
}

interface Asked {
  readonly messages?: readonly { readonly role: string; readonly content: unknown }[];
}

/** The plan in the last message of a chat completion's request. */
function planOf(body: string): TokenPlan | null {
  const { messages = [] } = JSON.parse(body) as Asked;
  const content = messages.at(-1)?.content;
  if (typeof content === 'string') return planIn(content);
  const [block] = Array.isArray(content) ? (content as { text?: unknown }[]) : [];
  return typeof block?.text === 'string' ? planIn(block.text) : null;
}
