/** A worker with nothing around it: reads answers of the model and counts their tokens, then says what that cost.
 *  `MODEL_URL`, `PROMPT`, `STREAMS` (at once), `BY` (`langchain` or `fetch`). Runs once to get hot, then measures. */
import { createParser } from 'eventsource-parser';
import { given } from '../app-process.ts';
import { chatOpenAi } from '../chat-open-ai.ts';

const url = given('MODEL_URL');
const prompt = given('PROMPT');
const streams = Number(given('STREAMS'));
const ask = given('BY') === 'langchain' ? askLangChain : askFetch;

await askAll();
const cpu = process.cpuUsage();
const beganAt = performance.now();
const tokens = await askAll();
const wallMs = performance.now() - beganAt;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(`${JSON.stringify({ tokens, wallMs, cpuMicros: user + system })}\n`);

async function askAll(): Promise<number> {
  const counts = await Promise.all(Array.from({ length: streams }, ask));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function askLangChain(): Promise<number> {
  let count = 0;
  for await (const { content } of await chatOpenAi(url).stream(prompt)) if (content !== '') count += 1;
  return count;
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[];
}

async function askFetch(): Promise<number> {
  let count = 0;
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === '[DONE]') return;
      const content = (JSON.parse(data) as Chunk).choices[0]?.delta.content;
      if (content !== undefined && content !== '') count += 1;
    },
  });
  const messages = [{ role: 'user', content: prompt }];
  const { body } = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'paced', stream: true, messages }),
  });
  if (body === null) throw new Error('the model gave no body');
  for await (const text of body.pipeThrough(new TextDecoderStream())) parser.feed(text);
  return count;
}
