import { describe, expect, it } from '@jest/globals';
import { Counter, Gauge, Registry } from 'prom-client';
import { exposeMetrics } from './exposition.ts';
import { exemplarOf, metricsRegistry, tracedHistogram } from './metrics.ts';

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

function registries(): Registry[] {
  const own = metricsRegistry('api');
  const jobs = new Counter({ name: 'jobs_total', help: 'Jobs', labelNames: ['of'], registers: [own] });
  jobs.inc({ of: 'a' }, 2);
  const first = tracedHistogram(own, { name: 'first_seconds', help: 'First', buckets: [1, 5] });
  first.observe({ value: 0.5, ...exemplarOf(undefined) });
  first.observe({ value: 2, ...exemplarOf('abc') });
  const other = new Registry();
  other.setDefaultLabels({ service: 'api' });
  new Gauge({ name: 'slots', help: 'Slots', registers: [other] }).set(3);
  return [own, other];
}

const expose = (accept?: string, of = registries()) => exposeMetrics({ registries: of, service: 'api', accept });

/** Series, without their figures. */
const seriesIn = (text: string) => new Set(text.match(/^\w+(?:\{.*?\})?(?= )/gm));

describe('the format', () => {
  it.each([
    [undefined, PROMETHEUS],
    ['*/*', PROMETHEUS],
    ['text/plain', PROMETHEUS],
    ['application/openmetrics-text;q=0', PROMETHEUS],
    ['application/openmetrics-text;q=0.4,text/plain', PROMETHEUS],
    ['application/openmetrics-text;q=much', PROMETHEUS],
    ['application/openmetrics-text', OPEN_METRICS],
    // of Prometheus 2 and 3
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      OPEN_METRICS,
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      OPEN_METRICS,
    ],
  ])('for Accept: %s', async (accept, contentType) => {
    expect((await expose(accept)).contentType).toBe(contentType);
  });

  it('has exemplars only as OpenMetrics, at the bucket of what was observed', async () => {
    const { text } = await expose('application/openmetrics-text');
    expect(text).toMatch(/^first_seconds_bucket\{le="5",service="api"\} 2 # \{trace_id="abc"\} 2 \d{10}(?:\.\d+)?$/m);
    expect(text.match(/trace_id/g)).toHaveLength(1);
    expect((await expose()).text).not.toContain('trace_id');
  });

  it('changes no series, however often one asks for which', async () => {
    const of = registries();
    const plain = await expose(undefined, of);
    const open = await expose('application/openmetrics-text', of);
    expect(seriesIn(open.text)).toEqual(seriesIn(plain.text));
    expect(seriesIn((await expose(undefined, of)).text)).toEqual(seriesIn(plain.text));
    for (const { text } of [plain, open]) {
      expect(text).toContain('jobs_total{of="a",service="api"} 2\n');
      expect(text).toContain('slots{service="api"} 3\n');
    }
    expect(plain.text).toContain('# TYPE jobs_total counter\n');
    expect(open.text).toContain('# TYPE jobs counter\n');
  });

  it('ends once as OpenMetrics, without an empty line', async () => {
    const { text } = await expose('application/openmetrics-text');
    expect(text.endsWith('\n# EOF\n')).toBe(true);
    expect(text.match(/# EOF/g)).toHaveLength(1);
    expect(text).not.toContain('\n\n');
  });
});
