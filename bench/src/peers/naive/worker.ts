/** A BullMQ worker that publishes each token as it comes, and keeps none. */
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { given, listening } from '../app-process.ts';
import { chatOpenAi } from '../chat-open-ai.ts';
import { END, QUEUE } from './names.ts';

const url = given('REDIS_URL');
const model = chatOpenAi(given('MODEL_URL'));
const publisher = new Redis(url);

interface ChatJob {
  readonly channel: string;
  readonly query: string;
}

const worker = new Worker<ChatJob>(
  QUEUE,
  async ({ data: { channel, query } }) => {
    for await (const { content } of await model.stream(query)) {
      if (typeof content === 'string' && content !== '') await publisher.publish(channel, content);
    }
    await publisher.publish(channel, END);
  },
  { connection: { url }, concurrency: 5_000 },
);
await worker.waitUntilReady();
listening(null);
