import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { isTerminal } from '@millrace/contracts';
import type { ModelRequest } from '@millrace/simulated-model';
import { idOf, SystemHarness } from './system-harness.ts';

const AGENT = {
  MILLRACE_GRAPHS: fileURLToPath(new URL('looking-agent/langgraph.json', import.meta.url)),
  OPENAI_API_KEY: 'none',
  // a death is noticed in half the time
  MILLRACE_WORKER_LOCK_MS: '5000',
  MILLRACE_WORKER_STALL_CHECK_MS: '1000',
};

const CALL = { toolCall: { id: 'c1', name: 'look', arguments: '{"at":"it"}' } };
const hasLooked = ({ body }: ModelRequest) => body.messages?.some(({ role }) => role === 'tool') ?? false;

const ENCRYPTED = { MILLRACE_ENCRYPTION_KEYS: `first:${randomBytes(32).toString('base64')}` };

describe.each([
  ['', {}],
  [' whose state is encrypted', ENCRYPTED],
])('the worker of an agent%s dies', (_, encryption) => {
  it('SIGKILL in the third step: another goes on from there, and says again what was said', async () => {
    await using system = await SystemHarness.start({ env: { ...AGENT, ...encryption } });
    const answering = Promise.withResolvers<void>();
    system.model.answer((request: ModelRequest) => {
      if (!hasLooked(request)) return ['I ', 'look', CALL];
      return secondCall();
    });
    let calls = 0;
    async function* secondCall() {
      calls += 1;
      yield 'It ';
      // the first worker never hears the rest
      if (calls === 1) {
        answering.resolve();
        yield { silence: true } as const;
      }
      yield 'is a cat.';
    }
    await using stream = await system.ask({ query: 'what is it?', pipeline: 'looking' });
    await answering.promise;
    await stream.until(({ data }) => data.text === 'It ');
    await (await system.runnerOf(idOf(stream))).kill();
    await stream.collect();

    expect(stream.events.find(({ event }) => event === 'reset')?.data).toEqual({ attempt: 2, reason: 'worker-lost' });
    expect(stream.text()).toBe('I lookIt is a cat.');
    expect(stream.events.filter(({ event }) => event === 'tool_result')).toHaveLength(2);
    expect(stream.events.filter(({ event }) => isTerminal(event))).toHaveLength(1);
    // one call of the first step; the third step ran twice
    expect(system.model.requests).toHaveLength(3);
    expect(await system.job(idOf(stream))).toMatchObject({ status: 'completed', attempt: 2 });
  });
});
