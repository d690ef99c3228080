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
  const asked = planOf(await text(request));
  if (asked === null) {
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        error: { message: 'the last message of the user must be a plan', type: 'invalid_request_error' },
      }),
    );
    return;
  }
  response.on('error', () => {
    // the caller has disconnected: drop its answer
  });
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.flushHeaders();
  const { plan, step } = asked;
  const spoken = new PacedAnswer(plan, step, response, monotonicMicros());
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

/** The plan in the last message of the user, and how many steps of it are done: one for each tool that answered since. */
function planOf(body: string): { readonly plan: TokenPlan; readonly step: number } | null {
  const { messages = [] } = JSON.parse(body) as Asked;
  const at = messages.findLastIndex(({ role }) => role === 'user');
  const plan = planIn(textOf(messages[at]?.content));
  if (plan === null) return null;
  return { plan, step: messages.slice(at).filter(({ role }) => role === 'tool').length };
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  const [block] = Array.isArray(content) ? (content as { text?: unknown }[]) : [];
  return typeof block?.text === 'string' ? block.text : '';
}
