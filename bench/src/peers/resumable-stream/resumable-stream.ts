import type { Peer } from '../peer.ts';
import { startWebApp } from '../web-app.ts';

/** The library that most web frameworks recommend: history in the memory of the process that asks the model. */
export const resumableStream: Peer = {
  id: 'resumable-stream',
  start: (model) => startWebApp({ script: new URL('app.ts', import.meta.url), model, redis: true }),
};
