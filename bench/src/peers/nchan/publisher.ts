/** Reads one answer of the model and posts each token to nchan, as an application would that lets nginx do the fan-out.
 *  `MODEL_URL`, `PROMPT`, `PUBLISH_URL`. Ends the channel after the last token. */
import { given } from '../app-process.ts';
import { chatOpenAi } from '../chat-open-ai.ts';

const target = given('PUBLISH_URL');
let published = 0;

for await (const { content } of await chatOpenAi(given('MODEL_URL')).stream(given('PROMPT'))) {
  if (content === '') continue;
  const body = JSON.stringify({ text: content });
  const { ok, status } = await fetch(target, { method: 'POST', body });
  if (!ok) throw new Error(`nchan answered ${status}`);
  published += 1;
}
await fetch(target, { method: 'DELETE' });
process.stdout.write(`${JSON.stringify({ published })}\n`);
