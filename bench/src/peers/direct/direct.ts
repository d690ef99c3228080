import type { Peer } from '../peer.ts';
import { startWebApp } from '../web-app.ts';

/** What every other way is compared with: one process asks the model and writes what it says to the client. */
export const direct: Peer = {
  id: 'direct',
  start: (model) => startWebApp({ script: new URL('app.ts', import.meta.url), model, redis: false }),
};
