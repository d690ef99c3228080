/** Fastify, LangChain and `resumable-stream` on Redis, as its README shows it. */
import { Readable } from 'node:stream';
import Fastify from 'fastify';
import { createResumableStreamContext } from 'resumable-stream/ioredis';
import { given, listening } from '../app-process.ts';
import { chatOpenAi } from '../chat-open-ai.ts';

const model = chatOpenAi(given('MODEL_URL'));
// finds its Redis in REDIS_URL; a server that stays up has nothing to wait for
const streams = createResumableStreamContext({ waitUntil: null });
const app = Fastify();

app.post<{ Body: { query: string } }>('/chat', async ({ body }, reply) => {
  const stream = await streams.createNewResumableStream(crypto.randomUUID(), () => framesOf(body.query));
  reply.header('content-type', 'text/event-stream').header('cache-control', 'no-cache');
  return stream === null ? reply.code(422).send() : reply.send(Readable.fromWeb(stream));
});

await app.listen({ host: '127.0.0.1', port: 0 });
listening(app.server.address());

/** The answer as SSE, in the strings that the library keeps and publishes. */
function framesOf(query: string): ReadableStream<string> {
  const frames = async function* () {
    for await (const { content } of await model.stream(query)) {
      if (content !== '') yield `data: ${JSON.stringify({ text: content })}\n\n`;
    }
    yield 'event: done\ndata: {}\n\n';
  };
  return ReadableStream.from(frames());
}
