import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { ArchivedBatch } from '@millrace/archive';
import { createLogger } from '@millrace/runtime';
import { Registry } from 'prom-client';
import type { WorkerShard } from '../shards/worker-shard.ts';
import { ArchiveMetrics } from './archive-metrics.ts';
import { ArchiveWriter } from './archive-writer.ts';

/** A writer whose archiver answers with these batches, and then with empty ones. */
function writerOf(batches: (ArchivedBatch | Error)[]) {
  const calls: string[] = [];
  const registry = new Registry();
  const writer = new ArchiveWriter({
    archiver: {
      run: async () => {
        calls.push('run');
        const batch = batches.shift() ?? { isFull: false, hasFailed: false };
        if (batch instanceof Error) throw batch;
        return batch;
      },
      finishErasures: async () => void calls.push('erasures'),
      purge: async () => {
        calls.push('purge');
        return 3;
      },
    },
    unarchived: { backlog: async () => ({ jobs: 7, oldestWaitMs: 2_500 }) },
    erasedCopies: { count: async () => 2 },
    metrics: new ArchiveMetrics(registry, 's3'),
    shard: { index: 0, commands: { set: async () => 'OK' }, presence: { isThere: true } } as unknown as WorkerShard,
    keys: { archivePurged: 'purged' },
    keptMs: 60_000,
    logger: createLogger({ service: 'test', level: 'silent' }),
  });
  return { writer, calls, registry };
}

describe('the writer to the archive', () => {
  it('goes on at once while there is more, looks after erasures, and ends when the worker does', async () => {
    const full = { isFull: true, hasFailed: false };
    const { writer, calls, registry } = writerOf([full, full]);
    writer.start();
    await delay(50);
    await writer.stop();
    expect(calls.filter((call) => call === 'run')).toHaveLength(3);
    expect(calls.slice(0, 3)).toEqual(['run', 'erasures', 'purge']);
    const page = await registry.metrics();
    expect(page).toContain('millrace_archive_backlog_jobs 7');
    expect(page).toContain('millrace_archive_oldest_wait_seconds 2.5');
    expect(page).toContain('millrace_archive_erasures_pending 2');
    expect(page).toContain('millrace_archive_purged_jobs_total 9');
  });

  it('waits after a failure, of the archive or of Redis, and asks for nothing else', async () => {
    for (const failure of [{ isFull: true, hasFailed: true }, new Error('Redis is away')]) {
      const { writer, calls } = writerOf([failure]);
      writer.start();
      await delay(50);
      await writer.stop();
      expect(calls).toEqual(['run']);
    }
  });
});
