/**
 * `npm run formats:record`: lets the last release make one of everything, and keeps what it has in Redis then, for
 * tests/e2e/formats.test.ts.
 *
 *   record.ts <commit> <folder of its build>
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually } from '@millrace/testing';
import { Redis } from 'ioredis';
import { idOf, SystemHarness } from '../system-harness.ts';
import { readKeys, type StoredKeys } from './stored-keys.ts';

const [commit = '', root = ''] = process.argv.slice(2);
const agent = fileURLToPath(new URL('../asking-agent/langgraph.json', import.meta.url));

await using system = await SystemHarness.start({
  root,
  processes: 1,
  env: { MILLRACE_KEY_PREFIX: 'formats', MILLRACE_GRAPHS: agent },
});
const { model } = system;

/** Reads the answer to a request to its end. */
async function answered(body: object, headers = {}): Promise<string> {
  await using stream = await system.ask(body, { headers });
  await stream.collect();
  return idOf(stream);
}

/** A job of which the client wants to know no more than that it is there. */
async function queued(body: object): Promise<string> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const answer = await fetch(`${system.url}/jobs`, { method: 'POST', headers, body: JSON.stringify(body) });
  return ((await answer.json()) as { id: string }).id;
}

const jobs: Record<string, string> = {};
model.answer(['It is ', 'finished.']);
jobs['finished'] = await answered(
  { query: 'finish', metadata: { of: 'the last release' } },
  { 'idempotency-key': 'formats' },
);
jobs['said'] = await answered({ threadId: 'talk', query: 'first' });
jobs['asking'] = await answered({ threadId: 'question', pipeline: 'asking', query: 'What is it?' });
const gate = model.gated({ to: 'run' });
await using running = await system.askUntilText({ query: 'run', threadId: 'busy' }, gate, 'so far');
jobs['running'] = idOf(running);
jobs['waiting'] = await queued({ query: 'wait for my turn', threadId: 'busy' });
await Promise.all(system.workers.map((worker) => worker.kill()));
jobs['queued'] = await queued({ query: 'in the queue' });
jobs['delayed'] = await queued({ query: 'later', delayMs: 3_600_000 });

const redis = new Redis(system.redis.url);
// what counts of the ended jobs comes a moment after their ends
await eventually(async () => (await redis.zcard('{formats:registry}:unsettled')) === 0);
const kept: StoredKeys = {
  version: commit,
  recordedAt: Date.now(),
  prefix: 'formats',
  jobs,
  keys: await readKeys(redis),
};
redis.disconnect();
const file = fileURLToPath(new URL(`${commit.slice(0, 12)}.json`, import.meta.url));
writeFileSync(file, `${JSON.stringify(kept, null, 1)}\n`);
console.log(`${file}: ${kept.keys.length} keys`);
