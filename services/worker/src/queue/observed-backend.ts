import { type BackendFactory, createRedisBackend, type RedisQueueBackend } from 'bullmq';

/** BullMQ's access to Redis, which reports every fetch. BullMQ has no event for it: `drained` fires once, and `isRunning()`
 *  stays true even when the fetch loop hangs.
 *  @param onFetch called after each fetch that Redis answered, also when there was no job */
export function observedBackend(onFetch: () => void): BackendFactory<RedisQueueBackend> {
  return (...args) => {
    const backend = createRedisBackend(...args);
    const moveToActive = backend.moveToActive.bind(backend);
    backend.moveToActive = async (token, name) => {
      const reply = await moveToActive(token, name);
      onFetch();
      return reply;
    };
    return backend;
  };
}
