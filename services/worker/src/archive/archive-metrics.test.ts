import { expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { ArchiveMetrics } from './archive-metrics.ts';

it('the backlog of the archive is that of all shards, each as it was counted last', async () => {
  const registry = new Registry();
  const metrics = new ArchiveMetrics(registry, 's3');
  metrics.tell(0, { jobs: 7, oldestWaitMs: 2_500, erasures: 1 });
  metrics.tell(1, { jobs: 5, oldestWaitMs: 500, erasures: 2 });
  metrics.tell(0, { jobs: 6, oldestWaitMs: 4_000, erasures: 0 });
  const page = await registry.metrics();
  expect(page).toContain('millrace_archive_backlog_jobs 11');
  expect(page).toContain('millrace_archive_oldest_wait_seconds 4');
  expect(page).toContain('millrace_archive_erasures_pending 2');
});
