import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { JobRef, StreamEvent } from '@millrace/contracts';
import { createLogger } from '@millrace/runtime';
import type { Begun } from '@millrace/stream-log';
import { PipelineError, type PipelineEvent } from '../pipelines/definition/pipeline.ts';
import { Attempt } from './attempt.ts';
import { WorkerMetrics } from './metrics.ts';

type Begin = Extract<Begun, { kind: 'begun' }>;

/** A writer whose room and behaviour the test controls. */
class Writer {
  readonly signal = new AbortController().signal;
  readonly calls: string[] = [];
  room: Promise<void> | null = null;

  emit({ type, data }: StreamEvent): void {
    this.calls.push(`emit ${type} ${JSON.stringify(data)}`);
  }

  drained(): Promise<void> | null {
    return this.room;
  }

  async done(): Promise<void> {
    this.calls.push('done');
  }

  async fail({ code }: { code: string }): Promise<void> {
    this.calls.push(`fail ${code}`);
  }
}

function attempt(
  writer: Writer,
  run: () => AsyncGenerator<PipelineEvent, undefined, void>,
  log: string[] = [],
  reserve: (ref: JobRef, tokens: number) => Promise<boolean> = async () => true,
): Attempt {
  const request = { messages: [], pipeline: 'p', model: 'm', timeoutMs: 60_000 };
  const begun = { kind: 'begun', request, tenant: 't', attempt: 1, writer, queueMs: 0, elapsedMs: 0 };
  return new Attempt('t.job' as JobRef, begun as unknown as Begin, {
    cancelListener: { listenFor: () => ({ [Symbol.dispose]() {} }) },
    pipelines: { find: () => ({ run }) },
    limits: { firstTokenMs: 60_000, tokenGapMs: 60_000 },
    retry: { retries: 0, minDelayMs: 0, maxDelayMs: 0 },
    ledger: { reserve },
    metrics: new WorkerMetrics(),
    logger: createLogger({ service: 'test', level: 'debug', destination: { write: (line) => log.push(line) } }),
  });
}

const text = (content: string) => ({ type: 'text', data: { text: content } }) as const;

describe('an attempt', () => {
  it('reserves what it has used each time that it has doubled, and ends when there is no more', async () => {
    const writer = new Writer();
    const reserved: number[] = [];
    const running = attempt(
      writer,
      async function* () {
        // it never ends by itself
        for (;;) {
          yield text('x'.repeat(400));
          await nextTurn();
        }
      },
      [],
      async (_, tokens) => reserved.push(tokens) < 3,
    );
    expect(await running.run()).toMatchObject({ outcome: 'failed', code: 'QUOTA_EXCEEDED' });
    expect(writer.calls.at(-1)).toBe('fail QUOTA_EXCEEDED');
    const counted = await running.ports.metrics.registry.getSingleMetricAsString('millrace_worker_failures_total');
    expect(counted).toMatch(/code="QUOTA_EXCEEDED".* 1$/m);
    // 1,024 are expected of an answer without "maxTokens", and 100 are said at a time
    expect(reserved).toEqual([2_100, 4_300, 8_700]);
  });

  it('does not pull from the pipeline while the writer has no room (law 10)', async () => {
    const writer = new Writer();
    const room = Promise.withResolvers<void>();
    writer.room = room.promise;
    const asked = Promise.withResolvers<void>();
    let pulls = 0;
    const running = attempt(writer, async function* () {
      pulls += 1;
      yield text('a');
      pulls += 1;
      asked.resolve();
      yield text('b');
      return undefined;
    }).run();
    // by the next macrotask, everything that could happen without room has happened
    await new Promise(setImmediate);
    expect([pulls, writer.calls]).toEqual([1, ['emit text {"text":"a"}']]);
    room.resolve();
    await asked.promise;
    expect(await running).toMatchObject({ outcome: 'completed' });
    expect(writer.calls).toEqual(['emit text {"text":"a"}', 'emit text {"text":"b"}', 'done']);
  });

  it('ends with INTERNAL when the writer cannot serialise an event', async () => {
    const writer = new Writer();
    writer.emit = () => {
      throw new TypeError('cannot be serialised');
    };
    const { outcome } = await attempt(writer, async function* () {
      yield text('a');
      return undefined;
    }).run();
    expect([outcome, writer.calls]).toEqual(['failed', ['fail INTERNAL']]);
  });

  it.each<[string, (prompt: string) => Error, object]>([
    ['an error', (prompt) => new TypeError(prompt), { code: 'INTERNAL', err: { type: 'TypeError' } }],
    ['a cause', (prompt) => new Error('x', { cause: new Error(prompt) }), { err: { cause: { type: 'Error' } } }],
    ['a name and a code', (prompt) => Object.assign(new Error(''), { name: prompt, code: prompt }), {}],
    [
      'the error that its caller sees',
      (prompt) => new PipelineError('MODEL_ERROR', prompt),
      { code: 'MODEL_ERROR', err: { type: 'PipelineError', code: 'MODEL_ERROR' } },
    ],
  ])('logs where a pipeline failed, but nothing of a long prompt that it throws as %s', async (_, thrown, logged) => {
    const prompt = 'hush\nat hush (/hush.js:1:2)\na://hush@hush '.repeat(6_000);
    const log: string[] = [];
    const startedAt = performance.now();
    await attempt(
      new Writer(),
      async function* () {
        yield text('a');
        throw thrown(prompt);
      },
      log,
    ).run();
    // some milliseconds here; 60 KB took seconds once, and this is four times as much
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(log.join('')).not.toContain('hush');
    const entry = log.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'failed');
    expect(entry).toMatchObject(logged);
    expect(JSON.stringify(entry.err)).toMatch(/attempt\.test\.ts.*:\d+:\d+/);
  });
});
