import { describe, expect, it } from '@jest/globals';
import { WorkerMetrics } from './metrics.ts';

const OWNER = { tenant: 't', pipeline: 'chat', model: 'openai:own' };
const linesOf = async (metrics: WorkerMetrics) =>
  (await metrics.registry.getSingleMetricAsString('millrace_worker_tokens_total'))
    .split('\n')
    .filter((line) => line.startsWith('millrace'));

describe('the metric of tokens', () => {
  it('counts by kind, model and pipeline, and names no tenant', async () => {
    const metrics = new WorkerMetrics();
    metrics.countTokens(OWNER, { inputTokens: 2, outputTokens: 3, estimatedTokens: 1 });
    metrics.countTokens(OWNER, { inputTokens: 2, outputTokens: 3 });
    metrics.countTokens(OWNER, null);
    const lines = (await linesOf(metrics)).join('\n');
    expect(lines).toContain('kind="input"');
    expect(lines).not.toContain('tenant');
    for (const [kind, count] of [
      ['input', 4],
      ['output', 6],
      ['estimated', 1],
    ] as const) {
      const [line = ''] = (await linesOf(metrics)).filter((each) => each.includes(`kind="${kind}"`));
      expect(line).toMatch(new RegExp(`model="openai:own",pipeline="chat".* ${count}$`));
    }
  });

  it('counts the models of an agent one by one, by tenant where that is asked for', async () => {
    const metrics = new WorkerMetrics(true);
    const models = ['a', 'b'].map((model) => ({ model, inputTokens: 1, outputTokens: 0, estimatedTokens: 0 }));
    metrics.countTokens(OWNER, { inputTokens: 2, outputTokens: 0, models });
    const inputs = (await linesOf(metrics)).filter((line) => line.includes('kind="input"'));
    expect(inputs.map((line) => /model="(\w)".*tenant="t"/.exec(line)?.[1])).toEqual(['a', 'b']);
  });

  it('has a bounded number of series, whatever models callers name', async () => {
    const metrics = new WorkerMetrics();
    for (let n = 0; n < 5_000; n += 1) {
      metrics.countTokens({ ...OWNER, model: `openai:${n}` }, { inputTokens: 1, outputTokens: 1 });
    }
    const lines = await linesOf(metrics);
    expect(lines).toHaveLength(3 * 201);
    expect(lines.find((line) => /kind="input".*model="other"|model="other".*kind="input"/.test(line))).toMatch(
      / 4800$/,
    );
  });
});
