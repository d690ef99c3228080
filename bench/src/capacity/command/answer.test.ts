import { describe, expect, it } from '@jest/globals';
import { limitsOf } from '../model/limits.ts';
import { planFor } from '../model/plan.ts';
import { questionOf } from '../model/question.ts';
import { SAMPLE } from '../model/sample-coefficients.ts';
import { answerText, figure, hourlyCosts, memory, traffic } from './answer.ts';

function textFor(streams: number, prices: { vcpu: number | null; gib: number | null } = { vcpu: null, gib: null }) {
  const question = questionOf({ streams, rate: 20, retention: 3_600 });
  const plan = planFor(SAMPLE, question);
  return { plan, text: answerText({ plan, limits: limitsOf(SAMPLE, question), prices }, 'measured somewhere') };
}

describe('the answer', () => {
  it('says of a small deployment that one Redis carries it', () => {
    const { text } = textFor(100);
    expect(text).toContain('One Redis carries it: REDIS_URL');
    expect(text).toContain('100 streams at 20 tokens/s: 2,000 tokens/s');
    expect(text).toContain('measured somewhere');
  });

  it('says of a larger one how many shards it needs', () => {
    const { text, plan } = textFor(10_000);
    expect(plan.shards.needed).toBeGreaterThan(1);
    expect(text).toContain(`Needs ${plan.shards.needed} shards, each an independent Redis`);
    expect(text).toContain(`REDIS_URLS with ${plan.shards.needed} URLs`);
    expect(text).toContain(`${figure(plan.sockets.toEachRedis)} to each Redis`);
    expect(text).toMatch(/the (core|memory) of Redis is full at [\d,]+ streams, which is why there are several/);
  });

  it('says of one with more shards than REDIS_URLS takes how many deployments it needs', () => {
    const { text, plan } = textFor(1_000_000);
    const deployments = Math.ceil(plan.shards.needed / 100);
    expect(deployments).toBeGreaterThan(1);
    expect(text).toContain(`${deployments} deployments, each with its own processes and clients`);
    expect(text).toContain(`${Math.ceil(plan.shards.needed / deployments)} URLs in REDIS_URLS`);
  });

  it('invents no price', () => {
    expect(textFor(1_000).text).not.toContain('prices');
    const { text, plan } = textFor(1_000, { vcpu: 0.5, gib: null });
    expect(hourlyCosts(plan, { vcpu: 0.5, gib: null })).toMatchObject({ vcpuPrice: plan.cores / 2, gibPrice: null });
    expect(text).toContain(`At these prices: ${figure(plan.cores / 2)} an hour (cores ${figure(plan.cores / 2)})`);
  });
});

describe('figures', () => {
  it('have three digits and a unit', () => {
    expect([0.012_34, 1.5, 123.4, 1_234.5].map(figure)).toEqual(['0.0123', '1.5', '123', '1,235']);
    expect([2 ** 20, 3.5 * 2 ** 30, 2 ** 41].map(memory)).toEqual(['1 MiB', '3.5 GiB', '2 TiB']);
    expect([0, 125_000, 250e6].map(traffic)).toEqual(['–', '1 Mbit/s', '2 Gbit/s']);
  });
});
