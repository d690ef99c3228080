import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type AttemptHook, type AttemptInfo, type AttemptResult, idOf, logLimits } from '@millrace/contracts';
import { startModel } from '@millrace/simulated-model';
import { AttemptStarter } from '@millrace/stream-log';
import { eventually, freePort, startRedis, type TestRedis } from '@millrace/testing';
import type { Pipeline } from './pipelines/definition/pipeline.ts';
import { WorkerHarness } from './testing/worker-harness.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => redis[Symbol.asyncDispose]());

describe('a worker', () => {
  it('streams an answer into the log, with its finish reason, usage and timings', async () => {
    await using model = await startModel();
    model.answer(['Hel', 'lo', '\n\n', ' 🌊'], { usage: { inputTokens: 3, outputTokens: 4 } });
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker();
    const id = await harness.submit({ query: 'say hello', temperature: 0.5, maxTokens: 77 });

    const [type, done] = await harness.end(id);
    expect(type).toBe('done');
    expect(done).toMatchObject({ finishReason: 'stop', usage: { inputTokens: 3, outputTokens: 4 } });
    const { queueMs, firstTokenMs, totalMs } = done['timings'] as Record<string, number>;
    expect(queueMs).toBeLessThanOrEqual(firstTokenMs ?? -1);
    expect(firstTokenMs).toBeLessThanOrEqual(totalMs ?? -1);
    expect(await harness.text(id)).toBe('Hello\n\n 🌊');
    expect((await harness.events(id)).map(([name]) => name).filter((name) => name !== 'text')).toEqual([
      'accepted',
      'started',
      'done',
    ]);
    const { body, headers } = await model.request(0);
    expect(body).toMatchObject({ model: 'simulated', temperature: 0.5, max_tokens: 77, stream: true });
    expect(body.messages).toEqual([{ role: 'user', content: 'say hello' }]);
    expect(headers.authorization).toBe('Bearer no-key-needed');
    await eventually(async () => (await harness.queued()) === 0);
  });

  it('passes on reasoning, tool calls and a token limit', async () => {
    await using model = await startModel();
    model.answer([{ reasoning: 'hm' }, { toolCall: { id: 'call_1', name: 'look', arguments: '{"a":1}' } }], {
      to: 'a',
    });
    model.answer(['cut sho'], { to: 'b', finishReason: 'length' });
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker({ OPENAI_API_KEY: 'sk-secret', MILLRACE_SYSTEM_PROMPT: 'Be brief.' });

    const [calling, limited] = await Promise.all([harness.submit({ query: 'a' }), harness.submit({ query: 'b' })]);
    expect(await harness.end(calling)).toMatchObject(['done', { finishReason: 'tool_calls' }]);
    expect((await harness.events(calling)).slice(2, -1)).toEqual([
      ['reasoning', { text: 'hm' }],
      ['tool_call_start', { callId: 'call_1', name: 'look' }],
      ['tool_call_delta', { callId: 'call_1', arguments: '{"a":1}' }],
      ['tool_call', { callId: 'call_1', name: 'look', arguments: '{"a":1}' }],
    ]);
    expect(await harness.end(limited)).toMatchObject(['done', { finishReason: 'length' }]);
    const { body, headers } = await model.request(0);
    expect(body.messages?.[0]).toEqual({ role: 'system', content: 'Be brief.' });
    expect(headers.authorization).toBe('Bearer sk-secret');
    expect(JSON.stringify(harness.log)).not.toContain('sk-secret');
  });

  it('does nothing for a job that has ended while it was queued', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const id = await harness.submit();
    await harness.canceller.cancel(id, 'owner');
    await harness.worker();
    await eventually(async () => (await harness.queued()) === 0);
    expect(model.requests).toHaveLength(0);
    expect((await harness.events(id)).map(([type]) => type)).toEqual(['accepted', 'cancelled']);
  });

  it('says which pipelines it has', async () => {
    await using harness = new WorkerHarness(redis.url, 'http://127.0.0.1:9/v1');
    const before = Date.now();
    await harness.worker();
    const seen = await eventually(async () => (await harness.redis.hgetall(harness.keys.pipelines))['chat']);
    expect(Number(seen)).toBeGreaterThanOrEqual(before);
    expect(await harness.redis.pttl(harness.keys.pipelines)).toBeGreaterThan(60_000);
  });

  it('runs a team’s pipeline with a tool between two model calls', async () => {
    await using model = await startModel();
    const dates = '{"from":"2024-02-01","to":"2024-03-01"}';
    const usage = { inputTokens: 2, outputTokens: 3 };
    let call = 0;
    model.answer(
      () => (call++ === 0 ? [{ toolCall: { id: 'c1', name: 'days_between', arguments: dates } }] : ['29', ' days']),
      { usage },
    );
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker({ MILLRACE_PIPELINES: './examples/pipelines/almanac.mjs' });
    const id = await harness.submit({ pipeline: 'almanac', query: 'How long was February 2024?' });

    expect(await harness.end(id)).toMatchObject(['done', { usage: { inputTokens: 4, outputTokens: 6 } }]);
    expect(await harness.text(id)).toBe('29 days');
    const events = await harness.events(id);
    expect(events.filter(([type]) => type === 'tool_call' || type === 'tool_result')).toEqual([
      ['tool_call', { callId: 'c1', name: 'days_between', arguments: dates }],
      ['tool_result', { callId: 'c1', name: 'days_between', content: '29', isError: false }],
    ]);
    expect((await model.request(1)).body.messages?.at(-1)).toMatchObject({ role: 'tool', content: '29' });
  });
});

describe('a pipeline that says everything', () => {
  it('has it all stored as it was said, message by message', async () => {
    await using harness = new WorkerHarness(redis.url, 'http://127.0.0.1:9/v1');
    await harness.worker({ MILLRACE_PIPELINES: './services/worker/src/testing/talkative.mjs' });
    const id = await harness.submit({ pipeline: 'talkative' });
    expect(await harness.end(id)).toMatchObject(['done', { finishReason: 'interrupt' }]);
    const { default: talkative } = (await import('./testing/talkative.mjs' as string)) as { default: Pipeline };
    const said: [string, object][] = [];
    for await (const { type, data } of talkative.run({} as never, {} as never)) said.push([type, data]);
    expect((await harness.events(id)).slice(2, -1)).toEqual(said);
  });
});

describe('a hook around attempts', () => {
  it('sees the job, the attempt, its outcome and its usage', async () => {
    await using model = await startModel();
    const usage = { inputTokens: 3, outputTokens: 4 };
    model.answer(['fine'], { to: 'good', usage });
    model.answer([{ fail: { status: 400 } }], { to: 'bad' });
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const seen: [AttemptInfo, AttemptResult][] = [];
    const hook: AttemptHook = {
      async around(attempt, next) {
        const result = await next();
        seen.push([attempt, result]);
        return result;
      },
    };
    await harness.worker({}, [hook]);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const good = await harness.submit({ query: 'good', tenant: 'acme', traceparent });
    expect((await harness.end(good))[0]).toBe('done');
    const bad = await harness.submit({ query: 'bad' });
    expect((await harness.end(bad))[0]).toBe('error');
    await eventually(() => seen.length === 2);
    const info = { attempt: 1, pipeline: 'chat', model: 'openai:simulated', queueMs: expect.any(Number) };
    expect(seen).toEqual([
      [
        { ...info, jobId: idOf(good), tenant: 'acme', traceparent },
        { outcome: 'completed', usage },
      ],
      [
        { ...info, jobId: idOf(bad), tenant: 'default', traceparent: null },
        { outcome: 'failed', code: 'MODEL_ERROR', usage: { inputTokens: 0, outputTokens: 0 } },
      ],
    ]);
  });

  it('sees the usage of an attempt that fails after a complete model call', async () => {
    await using model = await startModel();
    const dates = '{"from":"2024-02-01","to":"2024-03-01"}';
    const usage = { inputTokens: 2, outputTokens: 3 };
    let call = 0;
    model.answer(
      () =>
        call++ === 0
          ? [{ toolCall: { id: 'c1', name: 'days_between', arguments: dates } }]
          : [{ fail: { status: 400 } }],
      { usage },
    );
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const results: AttemptResult[] = [];
    const hook: AttemptHook = {
      async around(_, next) {
        const result = await next();
        results.push(result);
        return result;
      },
    };
    await harness.worker({ MILLRACE_PIPELINES: './examples/pipelines/almanac.mjs' }, [hook]);
    const id = await harness.submit({ pipeline: 'almanac', query: 'How long was February 2024?' });
    expect(await harness.end(id)).toMatchObject(['error', { code: 'MODEL_ERROR' }]);
    await eventually(() => results.length === 1);
    expect(results).toEqual([{ outcome: 'failed', code: 'MODEL_ERROR', usage }]);
    expect((await harness.reader.outline(id))?.attemptUsage).toEqual(new Map([[1, usage]]));
  });

  it.each(['cancelled', 'handed over', 'superseded'])('has its usage stored when it is %s', async (how) => {
    await using model = await startModel();
    const dates = '{"from":"2024-02-01","to":"2024-03-01"}';
    const usage = { inputTokens: 2, outputTokens: 3 };
    model.answer([{ toolCall: { id: 'c1', name: 'days_between', arguments: dates } }], { usage });
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const worker = await harness.worker({
      MILLRACE_PIPELINES: './examples/pipelines/almanac.mjs',
      MILLRACE_WORKER_GRACE_MS: '0',
    });
    const id = await harness.submit({ pipeline: 'almanac', query: 'How long was February 2024?' });
    // the first call is complete, the second one hangs
    await model.request(0);
    const second = model.gated();
    await second.request;
    if (how === 'cancelled') await harness.canceller.cancel(id, 'owner');
    if (how === 'handed over') await worker.close();
    if (how === 'superseded') {
      await new AttemptStarter(harness.redis, harness.keys, logLimits(harness.settings())).begin(id, 'another');
    }
    const stored = await eventually(async () => (await harness.reader.outline(id))?.attemptUsage.get(1));
    // nobody has said what the second call has used: it has read its prompt at least
    const estimatedTokens = Math.ceil('How long was February 2024?'.length / 4);
    expect(stored).toEqual({ ...usage, inputTokens: usage.inputTokens + estimatedTokens, estimatedTokens });
  });
});

describe('a pipeline that yields a malformed event', () => {
  it.each([
    ['circular', 'tool_result: data.content'],
    ['arguments', 'tool_call: data.arguments'],
    ['text', 'text: data.text'],
    ['nothing', 'type'],
  ])('(%s) ends its own job with INTERNAL, and the log names the field', async (query, field) => {
    await using harness = new WorkerHarness(redis.url, 'http://127.0.0.1:9/v1');
    await harness.worker({ MILLRACE_PIPELINES: './services/worker/src/testing/malformed.mjs' });
    const id = await harness.submit({ pipeline: 'malformed', query });
    const [type, error] = await harness.end(id);
    expect([type, error]).toEqual(['error', { code: 'INTERNAL', message: expect.any(String), retryable: false }]);
    expect(await harness.text(id)).toBe('so far');
    expect(harness.log).toContainEqual(
      expect.objectContaining({ msg: 'failed', requestId: idOf(id), pipeline: 'malformed', field }),
    );
    expect(JSON.stringify([harness.log, error])).not.toContain('hush');
    await eventually(async () => (await harness.queued()) === 0);
  });
});

describe('a cancel', () => {
  it.each([
    ['before the first token', false],
    ['mid-stream', true],
  ])('closes the model’s connection %s', async (_, speaks) => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const gate = model.gated();
    await harness.worker();
    const id = await harness.submit();
    const request = await gate.request;
    if (speaks) {
      await gate.say('a');
      await eventually(async () => (await harness.text(id)) === 'a');
    }
    await harness.canceller.cancel(id, 'owner');
    expect((await request.ended).by).toBe('client');
    expect(await gate.say('late')).toBe(false);
    await eventually(async () => (await harness.queued()) === 0);
    expect((await harness.events(id)).at(-1)).toEqual(['cancelled', { by: 'owner' }]);
    expect(harness.log).toContainEqual(expect.objectContaining({ msg: 'cancelled', requestId: idOf(id), attempt: 1 }));
  });

  it('is the end of the queue entry too, which is not retried (BullMQ)', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const gate = model.gated({ to: 'cancelled' });
    model.answer(['next'], { to: 'next' });
    await harness.worker();
    const id = await harness.submit({ query: 'cancelled' });
    await gate.request;
    await harness.canceller.cancel(id, 'owner');
    await eventually(async () => (await harness.queued()) === 0);
    await harness.end(await harness.submit({ query: 'next' }));
    expect(model.requests.map(({ prompt }) => prompt)).toEqual(['cancelled', 'next']);
  });

  it('frees the slot of a pipeline that ignores its signal', async () => {
    await using harness = new WorkerHarness(redis.url, 'http://127.0.0.1:9/v1');
    await harness.worker({ MILLRACE_PIPELINES: './services/worker/src/testing/deaf.mjs' });
    const id = await harness.submit({ pipeline: 'deaf' });
    await eventually(async () => (await harness.text(id)) === 'a');
    await harness.canceller.cancel(id, 'admin');
    await eventually(async () => (await harness.queued()) === 0);
  });
});

describe('a failing model', () => {
  const env = { MILLRACE_MODEL_RETRIES: '2' };

  it.each([
    [401, 'MODEL_ERROR', false, 1],
    [400, 'MODEL_ERROR', false, 1],
    [429, 'MODEL_RATE_LIMITED', true, 3],
    [503, 'MODEL_ERROR', true, 3],
    [504, 'MODEL_TIMEOUT', true, 3],
  ])('that answers %i ends the job with %s', async (status, code, retryable, calls) => {
    await using model = await startModel();
    model.answer([{ fail: { status, message: 'key sk-secret, prompt: hush' } }]);
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker(env);
    const id = await harness.submit({ query: 'hush' });
    const [type, error] = await harness.end(id);
    expect(type).toBe('error');
    expect(error).toMatchObject({ code, retryable });
    expect(model.requests).toHaveLength(calls);
    expect(JSON.stringify([error, harness.log])).not.toMatch(/sk-secret|hush/);
    expect(await harness.reached(id, 'failed')).toMatchObject({ error: { code } });
    await eventually(async () => (await harness.queued()) === 0);
  });

  it('is asked again until it answers', async () => {
    await using model = await startModel();
    model.failNext(1, { status: 429, retryAfter: 0 }).failNext(1, { status: 500 }).answer(['fine']);
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker(env);
    const id = await harness.submit();
    expect((await harness.end(id))[0]).toBe('done');
    expect(await harness.text(id)).toBe('fine');
    expect(harness.log.filter(({ msg }) => msg === 'retried')).toHaveLength(2);
  });

  it.each([
    ['is cut off', { cut: true as const }],
    ['loses its connection', { reset: true as const }],
    ['sends what is no JSON', { raw: 'data: {nonsense\n\n' }],
  ])('that %s after a token is not asked again', async (_, step) => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const gate = model.gated();
    await harness.worker(env);
    const id = await harness.submit();
    await gate.say('half');
    await eventually(async () => (await harness.text(id)) === 'half');
    void gate.step(step); // the connection may be gone before it is taken
    expect(await harness.end(id)).toMatchObject(['error', { code: 'MODEL_ERROR', retryable: true }]);
    expect(model.requests).toHaveLength(1);
  });

  it('that nobody can reach ends the job with MODEL_ERROR', async () => {
    await using harness = new WorkerHarness(redis.url, `http://127.0.0.1:${await freePort()}/v1`);
    await harness.worker(env);
    const id = await harness.submit();
    expect(await harness.end(id)).toMatchObject([
      'error',
      { code: 'MODEL_ERROR', message: 'The connection to the model failed (ECONNREFUSED).', retryable: true },
    ]);
  });

  it.each([
    ['says nothing', [], { MILLRACE_FIRST_TOKEN_TIMEOUT_MS: '150' }, 'MODEL_TIMEOUT'],
    ['falls silent', ['a'], { MILLRACE_TOKEN_GAP_TIMEOUT_MS: '150' }, 'MODEL_TIMEOUT'],
    ['does not stop in time', ['a'], {}, 'TIMEOUT'],
  ])('that %s is closed and ends the job', async (_, said, timeouts, code) => {
    await using model = await startModel();
    model.answer([...said, { silence: true }]);
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker({ ...env, ...timeouts });
    const id = await harness.submit(code === 'TIMEOUT' ? { timeoutMs: 300 } : {});
    expect(await harness.end(id)).toMatchObject(['error', { code, retryable: true }]);
    expect((await (await model.request(0)).ended).by).toBe('client');
    expect(model.requests).toHaveLength(1);
  });

  it('may take longer than a gap for its usage after the finish reason', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const gate = model.gated();
    await harness.worker({ ...env, MILLRACE_TOKEN_GAP_TIMEOUT_MS: '1' });
    const id = await harness.submit();
    const end = { choices: [{ index: 0, delta: { content: 'a' }, finish_reason: 'stop' }] };
    await gate.step({ raw: `data: ${JSON.stringify(end)}\n\n` });
    await eventually(async () => (await harness.text(id)) === 'a');
    await gate.step({
      raw: 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\ndata: [DONE]\n\n',
    });
    expect(await harness.end(id)).toMatchObject(['done', { usage: { inputTokens: 3, outputTokens: 4 } }]);
  });

  it('that says more than a log may hold is closed, and the limit is named', async () => {
    await using model = await startModel();
    model.answer([...Array.from({ length: 20 }, () => 'x'.repeat(500)), { silence: true }]);
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker({ MILLRACE_MAX_LOG_BYTES: '4096' });
    const id = await harness.submit();
    const [type, error] = await harness.end(id);
    expect([type, error['code'], error['retryable']]).toEqual(['error', 'MODEL_ERROR', false]);
    expect(error['message']).toContain('MILLRACE_MAX_LOG_BYTES');
    expect((await (await model.request(0)).ended).by).toBe('client');
  });

  it('is not to blame for a pipeline that the worker does not have', async () => {
    await using harness = new WorkerHarness(redis.url, 'http://127.0.0.1:9/v1');
    await harness.worker(env);
    const id = await harness.submit({ pipeline: 'elsewhere' });
    expect(await harness.end(id)).toMatchObject(['error', { code: 'INTERNAL', retryable: true }]);
  });
});

describe('an error that nobody foresaw', () => {
  it('brings the entry back a second later, so that no job is forgotten', async () => {
    await using model = await startModel();
    model.answer(['fine']);
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const id = await harness.submit();
    const record = harness.keys.record(id);
    const aside = `${record}:aside`;
    await harness.redis.rename(record, aside);
    await harness.redis.set(record, 'not a hash');
    await harness.worker();
    await eventually(() => harness.log.some(({ msg }) => msg === 'run failed'));
    await harness.redis.rename(aside, record);
    expect((await harness.end(id))[0]).toBe('done');
    await eventually(async () => (await harness.queued()) === 0);
  });
});

describe('readiness', () => {
  it('is told over HTTP, with the metrics', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const { healthUrl } = await harness.worker({ MILLRACE_WORKER_HEALTH_PORT: '0' });
    expect((await fetch(`${healthUrl}/healthz`)).status).toBe(200);
    const ready = await eventually(async () => {
      const answer = await fetch(`${healthUrl}/readyz`);
      return answer.status === 200 ? answer : null;
    });
    expect(await ready.json()).toEqual({ consuming: true, listening: true, announced: true });
    await harness.end(await harness.submit());
    const metrics = await eventually(async () => {
      const text = await (await fetch(`${healthUrl}/metrics`)).text();
      return text.includes('outcome="completed"') ? text : null;
    });
    expect(metrics).toContain('millrace_worker_jobs_total{outcome="completed",service="worker"} 1');
    expect(metrics).toContain('millrace_worker_active_jobs{service="worker"} 0');
    const open = await fetch(`${healthUrl}/metrics`, { headers: { accept: 'application/openmetrics-text' } });
    expect(open.headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
    // nothing is traced here
    const text = await open.text();
    expect(text).toContain('millrace_worker_first_token_seconds_count{service="worker"} 1\n');
    expect([text.includes('trace_id'), text.endsWith('\n# EOF\n')]).toEqual([false, true]);
    expect(metrics).toMatch(/^millrace_redis_script_seconds_count\{.*script="append".*\} [1-9]/m);
  });

  it('is kept while every slot is busy', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const gate = model.gated();
    const env = { MILLRACE_WORKER_CONCURRENCY: '1', MILLRACE_WORKER_HEALTH_PORT: '0' };
    const { healthUrl } = await harness.worker({ ...env, MILLRACE_WORKER_LOCK_MS: '1000' });
    const id = await harness.submit();
    await gate.request;
    const now = performance.now.bind(performance);
    // the last fetch is too old at once: only the renewal of a lock can say that the worker still consumes
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + 60_000);
    try {
      await eventually(async () => (await fetch(`${healthUrl}/readyz`)).status === 200);
    } finally {
      clock.mockRestore();
    }
    await gate.finish();
    await harness.end(id);
  });
});
