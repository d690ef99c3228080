/** BullMQ with nothing around it. As `worker`: takes `JOBS` jobs that do nothing and says when it had the last. As
 *  `producer`: adds them, `AT_ONCE` at a time, and says when it began. Times: `monotonicMicros()`. */
import { monotonicMicros } from '@millrace/simulated-model/paced';
import { Queue, Worker } from 'bullmq';
import { given, listening } from '../app-process.ts';

const QUEUE = 'bare';
const connection = { url: given('REDIS_URL') };
const jobs = Number(given('JOBS'));
const atOnce = Number(given('AT_ONCE'));

if (given('AS') === 'worker') await work();
else await produce();

async function work(): Promise<void> {
  let done = 0;
  const worker = new Worker(QUEUE, async () => undefined, { connection, concurrency: atOnce });
  worker.on('completed', () => {
    done += 1;
    if (done === jobs) process.stdout.write(`${JSON.stringify({ at: monotonicMicros() })}\n`);
  });
  await worker.waitUntilReady();
  listening(null);
}

async function produce(): Promise<void> {
  const queue = new Queue(QUEUE, { connection });
  await queue.waitUntilReady();
  const beganAt = monotonicMicros();
  let added = 0;
  const add = async () => {
    while (added < jobs) {
      added += 1;
      await queue.add('job', {}, { jobId: `j${added}`, removeOnComplete: true });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, add));
  process.stdout.write(`${JSON.stringify({ at: beganAt })}\n`);
  await queue.close();
}
