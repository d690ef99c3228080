import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { isTraced, traceSettings } from './settings.ts';

const schema = z.object(traceSettings);

/** The packages of OpenTelemetry that a process of its own has loaded after it has started its traces. */
async function loadedWith(settings: object): Promise<string[]> {
  const script = `
    import { createRequire } from 'node:module';
    const { startTracing, RequestTrace, AttemptTracing } = await import(${JSON.stringify(new URL('index.ts', import.meta.url).href)});
    const tracing = await startTracing(${JSON.stringify(settings)}, { name: 'api', logger: { info() {}, warn() {} } });
    const request = new RequestTrace({ method: 'POST', route: '/jobs', elapsedMs: 0 });
    const attempt = { jobId: 'a', tenant: 't', attempt: 1, pipeline: 'p', model: 'm', traceparent: null, queueMs: 1 };
    await new AttemptTracing({ withContent: false }).around(attempt, async () => ({ outcome: 'void', usage: {} }));
    await tracing.close();
    const names = Object.keys(createRequire(import.meta.url).cache).flatMap((file) => /@opentelemetry.([^/]+)/.exec(file)?.[1] ?? []);
    process.stdout.write(JSON.stringify([...new Set(names)].sort()));`;
  const flags = ['--experimental-transform-types', '--no-warnings', '--conditions=@millrace/source'];
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [...flags, '--input-type=module', '--eval', script], {
    cwd: new URL('.', import.meta.url),
  });
  return JSON.parse(stdout) as string[];
}

describe('traces', () => {
  it.each([
    ['no collector', {}, false],
    ['a collector', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, true],
    ['a collector for traces alone', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/x' }, true],
    ['a collector, and disabled', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a', OTEL_SDK_DISABLED: 'true' }, false],
  ])('with %s: %j are on: %s', (_, env, isOn) => {
    expect(isTraced(schema.parse(env))).toBe(isOn);
  });

  it.each([
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { OTEL_TRACES_SAMPLER: 'sometimes' },
    { OTEL_TRACES_SAMPLER_ARG: '2' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' },
    { OTEL_EXPORTER_OTLP_HEADERS: 'a key' },
  ])('refuse %j', (env) => {
    expect(schema.safeParse(env).success).toBe(false);
  });

  it('load the SDK only with a collector', async () => {
    expect(await loadedWith(schema.parse({}))).toEqual(['api']);
    const settings = schema.parse({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_TRACES_SAMPLER: 'always_off',
    });
    expect(await loadedWith(settings)).toEqual(expect.arrayContaining(['api', 'sdk-trace-node']));
  });
});
