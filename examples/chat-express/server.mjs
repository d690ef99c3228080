import { fileURLToPath } from 'node:url';
import express from 'express';
import OpenAI from 'openai';

const millrace = process.env.MILLRACE_URL ?? 'http://localhost:8080';
const openai = new OpenAI({ baseURL: `${millrace}/v1`, apiKey: process.env.MILLRACE_API_KEY ?? 'unused' });

const app = express();
app.use(express.json());
app.use(express.static(fileURLToPath(new URL('public', import.meta.url))));

/** Asks; the answer runs in the background, whoever reads it. `previous` is the answer that the question follows. */
app.post('/answers', async (request, response) => {
  const { question, previous = null } = request.body ?? {};
  const { id } = await openai.responses.create({
    model: process.env.MODEL ?? 'gpt-4o-mini',
    input: question,
    previous_response_id: previous,
    background: true,
  });
  response.status(202).json({ id });
});

/** Streams an answer. EventSource comes back with `Last-Event-ID`, and goes on where it was: on any server, since none
 *  keeps anything. */
app.get('/answers/:id', async (request, response) => {
  const after = request.get('last-event-id');
  const events = await openai.responses.retrieve(request.params.id, {
    stream: true,
    ...(after !== undefined && { starting_after: Number(after) }),
  });
  response.on('close', () => events.controller.abort());
  response.set({ 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform' }).flushHeaders();
  try {
    for await (const event of events) {
      const data = dataOf(event);
      if (data !== undefined) response.write(`id: ${event.sequence_number}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  } catch (error) {
    // otherwise the connection was lost: the reader's is broken off too, and it comes back
    if (!(error instanceof OpenAI.APIError)) throw error;
    response.write(`data: ${JSON.stringify({ end: 'failed', message: error.message })}\n\n`);
  }
  response.end();
});

/** What the page needs of an event. */
function dataOf(event) {
  if (event.type === 'response.output_text.delta') return { text: event.delta };
  if (event.type === 'response.completed') return { end: 'completed' };
  if (event.type === 'response.incomplete') return { end: 'stopped' };
  return undefined;
}

/** Stops an answer, and the model. */
app.delete('/answers/:id', async (request, response) => {
  await openai.responses.cancel(request.params.id);
  response.sendStatus(204);
});

/** Passes Millrace's refusals on. */
app.use((error, _request, response, next) => {
  if (response.headersSent) return next(error);
  response.status(error.status ?? 502).json({ message: error.error?.message ?? error.message });
});

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`http://localhost:${server.address().port}`);
});
