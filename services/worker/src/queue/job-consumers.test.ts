import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@millrace/runtime';
import { JobConsumers, type ShardQueue } from './job-consumers.ts';

const logger = createLogger({ service: 'test', level: 'silent' });

/** The queue of a shard, and what was done with it. */
function queueOf(index: number, calls: string[]) {
  const confirmed = Promise.withResolvers<void>();
  const call = (name: string) => async () => {
    calls.push(`${name} ${index}`);
  };
  const queue: ShardQueue = {
    shard: {
      index,
      presence: { isThere: true },
      listener: { confirmed: confirmed.promise, isListening: index === 0 },
    } as unknown as ShardQueue['shard'],
    consumer: {
      consuming: index === 0,
      start: () => calls.push(`start ${index}`),
      setDrained: async (drained) => void calls.push(`drained ${index} ${drained}`),
      close: call('close'),
    },
    slots: {
      count: 3,
      start: call('announce'),
      stop: () => calls.push(`withdraw ${index}`),
      setDrained: async () => undefined,
    },
  };
  return { queue, confirmed };
}

function twoShards() {
  const calls: string[] = [];
  const [first, second] = [queueOf(0, calls), queueOf(1, calls)];
  const consumers = new JobConsumers({
    queues: [first.queue, second.queue],
    runner: { drain: (reason) => calls.push(`runner ${reason}`) },
    alone: { drain: (reason) => calls.push(`alone ${reason}`) },
    logger,
  });
  return { consumers, calls, first, second };
}

describe('the consumers of several shards', () => {
  it('start each once its cancels arrive and its slots are announced, and none waits for another', async () => {
    const { consumers, calls, first, second } = twoShards();
    const ready = consumers.onModuleInit();
    second.confirmed.resolve();
    await ready;
    consumers.onApplicationBootstrap();
    await new Promise(setImmediate);
    expect(calls).toEqual(['announce 1', 'start 1']);
    first.confirmed.resolve();
    await new Promise(setImmediate);
    expect(calls.slice(2)).toEqual(['announce 0', 'start 0']);
  });

  it('drain and close together', async () => {
    const { consumers, calls } = twoShards();
    await consumers.setDrained(true);
    await consumers.setDrained(true);
    expect(consumers.state).toBe('drained');
    consumers.crash();
    await consumers.beforeApplicationShutdown();
    expect(consumers.state).toBe('stopping');
    expect(calls).toEqual([
      ...['drained 0 true', 'drained 1 true', 'runner worker-lost', 'alone handover'],
      ...['withdraw 0', 'withdraw 1', 'close 0', 'close 1'],
    ]);
  });

  it('tell what each serves, and the slots of all', () => {
    const { consumers } = twoShards();
    expect(consumers.services).toEqual([
      { consuming: true, listening: true },
      { consuming: false, listening: false },
    ]);
    expect(consumers.slots).toBe(6);
  });
});
