import { describe, expect, it } from '@jest/globals';
import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { SamplingDecision } from '@opentelemetry/sdk-trace-node';
import { linksTo } from '../spans.ts';
import { contextOf } from '../traceparent.ts';
import { LinkedSampler, samplerOf } from './linked-sampler.ts';

const IDS = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';
const NEW = 'ffffffffffffffffffffffffffffffff';

function decide(sampler: Parameters<typeof samplerOf>[0], { parent, link }: { parent?: string; link?: string }) {
  const { decision } = new LinkedSampler(samplerOf(sampler)).shouldSample(
    contextOf(parent),
    NEW,
    'attempt',
    SpanKind.CONSUMER,
    {},
    linksTo(link),
  );
  return decision === SamplingDecision.RECORD_AND_SAMPLED;
}

const share = (ratio: number) =>
  ({ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: ratio }) as const;

describe('a trace that is linked to another', () => {
  it.each([
    [`${IDS}-01`, 0, true],
    [`${IDS}-00`, 1, false],
  ])('is recorded like %s, with a share of %d', (link, ratio, isRecorded) => {
    expect(decide(share(ratio), { link })).toBe(isRecorded);
  });

  it('follows its parent, if it has one', () => {
    expect(decide(share(1), { link: `${IDS}-01`, parent: `${IDS}-00` })).toBe(false);
    expect(decide(share(0), { link: `${IDS}-00`, parent: `${IDS}-01` })).toBe(true);
  });
});

describe('a trace without links', () => {
  it.each([
    ['always_on', true, true],
    ['always_off', false, false],
    ['traceidratio', false, false],
    ['parentbased_always_on', true, true],
    ['parentbased_always_off', false, true],
    ['parentbased_traceidratio', false, true],
  ] as const)('with %s and a share of 0 is recorded: %s, below a recorded parent: %s', (name, alone, below) => {
    const sampler = { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: 0 };
    expect(decide(sampler, {})).toBe(alone);
    expect(decide(sampler, { parent: `${IDS}-01` })).toBe(below);
  });

  it('is recorded by its id, so that all services decide alike', () => {
    const of = (traceId: string) =>
      samplerOf({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: 0.5 }).shouldSample(
        ROOT_CONTEXT,
        traceId,
        'a',
        SpanKind.SERVER,
        {},
        [],
      ).decision;
    const ids = Array.from({ length: 64 }, () => crypto.randomUUID().replaceAll('-', ''));
    const decisions = ids.map(of);
    expect(new Set(decisions).size).toBe(2);
    expect(ids.map(of)).toEqual(decisions);
  });
});
