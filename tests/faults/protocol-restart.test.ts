import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import OpenAI from 'openai';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';

const TOKENS = Array.from({ length: 80 }, (_, index) => ` ${index}`);
const ANSWER = TOKENS.join('');
const STEP_MS = 150;
/** streams of each client at a time */
const STREAMS = 4;
const QUESTION = 'Count!';

/** What a client has at the end of an answer: it takes `text` for the whole, or knows that it is not. */
type Outcome = { readonly text: string } | 'known to be cut';

let system: SystemHarness;
beforeEach(async () => {
  system = await SystemHarness.start({ env: { MILLRACE_LINGER_MS: '5000' } });
  system.model.answer(TOKENS, { to: QUESTION, stepMs: STEP_MS });
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

const openai = () => new OpenAI({ baseURL: `${system.url}/v1`, apiKey: 'none', maxRetries: 0 });
const messages = [{ role: 'user' as const, content: QUESTION }];
const model = 'gpt-4o-mini';

const CLIENTS: Readonly<Record<string, () => Promise<Outcome>>> = {
  'openai-chat': async () => {
    let text = '';
    const stream = await openai().chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    return { text };
  },
  'openai-chat, not streamed': async () => {
    const { choices } = await openai().chat.completions.create({ model, messages });
    return { text: choices[0]?.message.content ?? '' };
  },
  'openai-responses': async () => {
    let text = '';
    const stream = await openai().responses.create({ model, input: QUESTION, stream: true });
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.failed' || event.type === 'response.incomplete') return 'known to be cut';
    }
    return { text };
  },
  anthropic: async () => {
    let text = '';
    const client = new Anthropic({ baseURL: system.url, apiKey: 'none', maxRetries: 0 });
    const stream = await client.messages.create({ model, max_tokens: 1_000, messages, stream: true });
    for await (const event of stream) {
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
    }
    return { text };
  },
  // `useChat` takes a clean end for the end of the answer
  'ai-sdk': async () => {
    const chat = { id: crypto.randomUUID(), trigger: 'submit-message' };
    const uiMessages = [{ id: 'u', role: 'user', parts: [{ type: 'text', text: QUESTION }] }];
    const chunks = await chunksOf('/api/chat', { ...chat, messages: uiMessages });
    if (chunks.some(({ type }) => type === 'error' || type === 'abort')) return 'known to be cut';
    return { text: chunks.map(({ type, delta }) => (type === 'text-delta' ? delta : '')).join('') };
  },
  // so does the client of AG-UI
  'ag-ui': async () => {
    const run = { threadId: crypto.randomUUID(), runId: crypto.randomUUID(), state: {}, tools: [], context: [] };
    const chunks = await chunksOf('/ag-ui', {
      ...run,
      messages: [{ id: 'u', ...messages[0] }],
      protocolVersion: '1.0',
    });
    if (chunks.some(({ type }) => type === 'RUN_ERROR')) return 'known to be cut';
    return { text: chunks.map(({ type, delta }) => (type === 'TEXT_MESSAGE_CONTENT' ? delta : '')).join('') };
  },
};

interface Chunk {
  readonly type: string;
  readonly delta?: string;
}

/** @throws Error the connection was broken off, or the request refused */
async function chunksOf(path: string, body: object): Promise<Chunk[]> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${system.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(String(answer.status));
  const lines = (await answer.text()).split('\n');
  return lines.flatMap((line) => (line.startsWith('data: {') ? [JSON.parse(line.slice(6)) as Chunk] : []));
}

/** Asks with every client at once. A client that throws knows that its answer is not whole. */
function askAll(): Promise<(readonly [string, Outcome])[]> {
  const asking = Object.entries(CLIENTS).flatMap(([name, ask]) =>
    Array.from({ length: STREAMS }, async () => [name, await ask().catch((): Outcome => 'known to be cut')] as const),
  );
  return Promise.all(asking);
}

describe('a deployment', () => {
  it('rolling restart under all protocols: no client takes half an answer for a whole one', async () => {
    const outcomes: (readonly [string, Outcome])[] = [];
    for (const service of [...system.apis, ...system.workers]) {
      const before = system.model.requests.length;
      const asking = askAll();
      const asked = STREAMS * Object.keys(CLIENTS).length;
      await eventually(() => system.model.requests.length >= before + asked);
      await system.restart(service);
      outcomes.push(...(await asking));
    }
    const taken = outcomes.flatMap(([name, outcome]) =>
      outcome === 'known to be cut' ? [] : [[name, outcome.text] as const],
    );
    const halves = taken.filter(([, text]) => text !== ANSWER);
    figures({
      answers: outcomes.length,
      whole: taken.length - halves.length,
      'known to be cut': outcomes.length - taken.length,
    });
    expect(halves).toEqual([]);
    // what nobody cut is whole
    expect(taken.length).toBeGreaterThan(outcomes.length / 2);
  }, 300_000);
});
