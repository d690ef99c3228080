import { promptOf } from '@millrace/simulated-model/paced';
import type { Peer } from '../peer.ts';
import { requestText } from '../request-text.ts';

/** Nobody between: the generator asks the model itself. The ceiling of both. */
export const modelItself: Peer = {
  id: 'model',
  start: async ({ url }) => ({
    ask: (plan) => ({
      port: Number(new URL(url).port),
      text: requestText({
        path: '/v1/chat/completions',
        body: { model: 'paced', stream: true, messages: [{ role: 'user', content: promptOf(plan) }] },
      }),
    }),
    pids: {},
    redisUrl: null,
    [Symbol.asyncDispose]: async () => undefined,
  }),
};
