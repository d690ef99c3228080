import { describe, expect, it } from '@jest/globals';
import { WorkerMetrics } from '../attempt/metrics.ts';
import { addCounts, takeCounts } from './counts.ts';

const NOTHING = { events: [], attempts: [], retries: [], firstTokenSeconds: null };

const linesOf = async (metrics: WorkerMetrics) =>
  (await metrics.registry.metrics())
    .split('\n')
    .filter((line) => /^millrace_worker_(events|attempts|retries|first)/.test(line));

describe('the counts of a process that runs one job', () => {
  it('are those of its worker, too', async () => {
    const [own, ofWorker] = [new WorkerMetrics(), new WorkerMetrics()];
    own.events.inc({ type: 'text' }, 3);
    own.events.inc({ type: 'message_end' });
    own.began('worker-lost');
    own.retries.inc({ code: 'RATE_LIMITED' });
    own.firstToken(0.3);
    const counted = await linesOf(own);
    addCounts(ofWorker, JSON.parse(JSON.stringify(await takeCounts(own))));
    expect(await linesOf(ofWorker)).toEqual(counted);
  });

  it('are taken once', async () => {
    const own = new WorkerMetrics();
    expect(await takeCounts(own)).toEqual(NOTHING);
    own.events.inc({ type: 'text' });
    own.firstToken(0.3);
    const taken = takeCounts(own);
    own.events.inc({ type: 'text' }, 2);
    expect(await taken).toEqual({ attempts: [], events: [['text', 1]], retries: [], firstTokenSeconds: 0.3 });
    expect(await takeCounts(own)).toEqual({ ...NOTHING, events: [['text', 2]] });
    expect(await takeCounts(own)).toEqual(NOTHING);
  });
});
