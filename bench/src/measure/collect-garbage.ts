import type { SpawnedService } from '@millrace/testing';

/** Lets a service collect its garbage, twice: what the first time sets free may hold more.
 *  @param service started with `NODE_OPTIONS=--inspect=127.0.0.1:0` */
export async function collectGarbage({ child }: SpawnedService): Promise<void> {
  const line = await child.line((text) => text.includes('Debugger listening on ws://'));
  const inspector = new WebSocket(line.slice(line.indexOf('ws://')));
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  inspector.addEventListener('open', () => resolve());
  inspector.addEventListener('error', () => reject(new Error('the inspector does not answer')));
  await opened;
  for (const id of [1, 2]) {
    const { promise: collected, resolve: done } = Promise.withResolvers<void>();
    inspector.addEventListener('message', () => done(), { once: true });
    inspector.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }));
    await collected;
  }
  inspector.close();
}
