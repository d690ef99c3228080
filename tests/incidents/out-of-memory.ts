import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Struck } from './incident.ts';
import { headersOf, PROMPTS, type Stage, TENANTS } from './stage.ts';
import { leaveJob } from './traffic.ts';

/** Streams that are opened at a time. */
const STEP = 100;
const MOST_READERS = 8_000;
const STEP_PAUSE_MS = 100;
const MEGABYTE = 2 ** 20;
/** What the node holds without a stream, of what it may hold here. */
const IDLE_SHARE = 0.7;
/** More than the alert's threshold, and not yet the end. */
const FULL_SHARE = 0.88;
const ENOUGH_DEATHS = 4;
/** How long a node lives whose readers come back. */
const SHORT_LIFE_MS = 5_000;

/** A node has less memory than the streams need that it is sent. It is full for a while, runs out of it, is started again like
 *  under any supervisor, gets its readers back, and is killed soon after, as the kernel does where a container's memory ends. */
export async function nodeOutOfMemory(stage: Stage): Promise<Struck> {
  const idle = (await memoryOf(stage)).used;
  const megabytes = Math.ceil(idle / IDLE_SHARE / MEGABYTE);
  const small = { NODE_OPTIONS: `--max-old-space-size=${megabytes} --max-semi-space-size=4` };
  await stage.service('api', 0).stop();
  await stage.startAgain('api', 0, small);
  const id = await leaveJob(stage, TENANTS.shop, PROMPTS.held);
  const stop = new AbortController();
  const filling = fillAgainAndAgain(stage, id, small, stop.signal);
  const full = new RegExp(
    `instance="127\\.0\\.0\\.1:${stage.service('api', 0).port}", job="millrace-api", of="heap"\\} => (0\\.[89]|1)`,
  );
  return {
    finds: { MillraceMemoryShort: full, MillraceRestarts: full },
    mend: async () => {
      stop.abort();
      await filling;
      const node = stage.service('api', 0);
      if (node.child.running) await node.stop();
      await stage.startAgain('api', 0);
      await stage.operate('cancel', id);
    },
  };
}

async function fillAgainAndAgain(
  stage: Stage,
  id: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  for (let deaths = 0; !signal.aborted && deaths < ENOUGH_DEATHS; deaths += 1) {
    const node = stage.service('api', 0);
    using readers = new Readers(`${node.url}/jobs/${id}/stream`);
    const endsAt = deaths === 0 ? Number.POSITIVE_INFINITY : performance.now() + SHORT_LIFE_MS;
    while (!signal.aborted && node.child.running) {
      if (performance.now() >= endsAt) await node.kill();
      else if (readers.count < MOST_READERS && (deaths > 0 || (await mayHoldMore(stage)))) readers.open(STEP);
      await delay(STEP_PAUSE_MS);
    }
    if (!signal.aborted) await stage.startAgain('api', 0, env);
  }
}

/** Whether it is not full yet, or has been for so long that the alert has fired. */
async function mayHoldMore(stage: Stage): Promise<boolean> {
  if (stage.alerts.firing.includes('MillraceMemoryShort')) return true;
  try {
    const { used, limit } = await memoryOf(stage);
    return used / limit < FULL_SHARE;
  } catch {
    return false; // it collects garbage, and answers later
  }
}

/** Readers of one stream, each with a connection. */
class Readers implements Disposable {
  readonly #all = new Set<Disposable>();

  constructor(private readonly url: string) {}

  get count(): number {
    return this.#all.size;
  }

  open(count: number): void {
    for (let index = 0; index < count; index += 1) {
      const asked = request(this.url, { headers: headersOf(TENANTS.shop), agent: false });
      asked.on('response', (answer) => answer.on('error', () => undefined).resume());
      asked.on('error', () => undefined); // the node has ended
      asked.end();
      this.#all.add({ [Symbol.dispose]: () => void asked.destroy() });
    }
  }

  [Symbol.dispose](): void {
    for (const reader of this.#all) reader[Symbol.dispose]();
  }
}

/** What the old generation of the first node's heap holds, and may hold, bytes. */
async function memoryOf(stage: Stage): Promise<{ used: number; limit: number }> {
  const text = await (
    await fetch(`${stage.service('api', 0).url}/metrics`, { signal: AbortSignal.timeout(1_000) })
  ).text();
  const spaces = [...text.matchAll(/^nodejs_heap_space_size_used_bytes\{space="(?!new)\w+".*\} (\d+)$/gm)];
  const limit = /^millrace_memory_limit_bytes\{of="heap".*\} (\d+)$/m.exec(text)?.[1];
  return { used: spaces.reduce((sum, [, bytes]) => sum + Number(bytes), 0), limit: Number(limit) };
}
