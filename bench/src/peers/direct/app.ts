/** Fastify and LangChain in one process, and nothing else: no queue, no log, no resume. */
import Fastify from 'fastify';
import { given, listening } from '../app-process.ts';
import { chatOpenAi } from '../chat-open-ai.ts';

const model = chatOpenAi(given('MODEL_URL'));
const app = Fastify();

app.post<{ Body: { query: string } }>('/chat', async ({ body }, reply) => {
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for await (const { content } of await model.stream(body.query)) {
    if (content !== '') reply.raw.write(`data: ${JSON.stringify({ text: content })}\n\n`);
  }
  reply.raw.end('event: done\ndata: {}\n\n');
});

await app.listen({ host: '127.0.0.1', port: 0 });
listening(app.server.address());
