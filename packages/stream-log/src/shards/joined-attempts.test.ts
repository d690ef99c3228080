import { describe, expect, it } from '@jest/globals';
import { jobRef, newRequestId } from '@millrace/contracts';
import type { AttemptWriter } from '../attempt/attempt-writer.ts';
import type { CancelListener } from '../attempt/cancel-listener.ts';
import { joinedCancelListener } from './joined-attempts.ts';
import { Shards } from './shards.ts';

const connections = [0, 1].map(() => ({ status: 'ready', exists: async () => 0 }));

function listening(generations: readonly number[] = [2]) {
  const calls: string[] = [];
  const parts = connections.map((_, shard) => ({
    start: async () => void calls.push(`start ${shard}`),
    listenFor: ({ ref }: AttemptWriter) => {
      calls.push(`listen ${shard} ${ref}`);
      return { [Symbol.dispose]: () => calls.push(`dispose ${shard}`) };
    },
    close: () => calls.push(`close ${shard}`),
  }));
  const shards = new Shards({ connections, keys: { record: (ref) => ref }, generations });
  return { calls, shards, listener: joinedCancelListener(parts as unknown as CancelListener[], shards) };
}

describe('the cancels of all shards', () => {
  it('are listened for in the shard of the job', async () => {
    const { calls, listener } = listening();
    await listener.start();
    const ref = jobRef('acme', newRequestId(1));
    listener.listenFor({ ref } as AttemptWriter)[Symbol.dispose]();
    listener.close();
    expect(calls).toEqual(['start 0', 'start 1', `listen 1 ${ref}`, 'dispose 1', 'close 0', 'close 1']);
  });

  it('are listened for where a job runs whose id says nothing', () => {
    const { calls, shards, listener } = listening([1, 2]);
    const ref = jobRef('acme', 'an-id-of-the-caller');
    for (const shard of [0, 1]) {
      using _place = shards.pin(ref, shard);
      listener.listenFor({ ref } as AttemptWriter);
    }
    expect(calls).toEqual([`listen 0 ${ref}`, `listen 1 ${ref}`]);
  });
});
