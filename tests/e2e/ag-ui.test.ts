import { HttpAgent } from '@ag-ui/client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HttpAgent as HttpAgent0 } from 'ag-ui-client-0';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  const files = ['tools', 'approval'].map((name) => `examples/agents/${name}/langgraph.json`);
  const env = { MILLRACE_GRAPHS: files.join(','), OPENAI_API_KEY: 'simulated', MILLRACE_DISCONNECT_GRACE_MS: '1000' };
  system = await SystemHarness.start({ env });
});
afterAll(() => system[Symbol.asyncDispose]());

const CLIENTS = [
  ['1.0', HttpAgent],
  ['0.0.59', HttpAgent0 as unknown as typeof HttpAgent],
] as const;

/** Asks, and says how the run ended. */
async function ask(agent: HttpAgent, content: string | null, parameters: Parameters<HttpAgent['runAgent']>[0] = {}) {
  if (content !== null) agent.addMessage({ id: crypto.randomUUID(), role: 'user', content });
  const ends: unknown[] = [];
  const { newMessages } = await agent.runAgent(parameters, {
    onRunFinishedEvent: ({ event }) => void ends.push(event.outcome?.type ?? 'finished'),
    onRunErrorEvent: ({ event }) => void ends.push(event.code),
  });
  return { newMessages, ends };
}

describe.each(CLIENTS)('the client of AG-UI %s', (version, Agent) => {
  const connect = (path = '') => new Agent({ url: `${system.url}/ag-ui${path}`, threadId: crypto.randomUUID() });

  it('chats, and the thread remembers what the page shows', async () => {
    const agent = connect();
    system.model.answer(['Hello', ' Ann'], { to: 'I am Ann' });
    const { newMessages, ends } = await ask(agent, 'I am Ann');
    expect(newMessages).toEqual([expect.objectContaining({ role: 'assistant', content: 'Hello Ann' })]);
    expect(ends).toEqual([version === '1.0' ? 'success' : 'finished']);
    system.model.answer(['Ann'], { to: 'Who am I?' });
    await ask(agent, 'Who am I?');
    const kept = await fetch(`${system.url}/threads/${agent.threadId}/messages`);
    const { items } = (await kept.json()) as { items: { content: string }[] };
    expect(items.map(({ content }) => content)).toEqual(['I am Ann', 'Hello Ann', 'Who am I?', 'Ann']);
  });

  it('sees the tools of an agent, and their results', async () => {
    const agent = connect('/tools');
    const question = `Where is A-17 (${version})?`;
    const find = { toolCall: { id: `c-${version}`, name: 'find_order', arguments: '{"id":"A-17"}' } };
    system.model.answer(({ body }) => (JSON.stringify(body).includes(`"c-${version}"`) ? ['In Oslo.'] : [find]), {
      to: question,
    });
    const { newMessages } = await ask(agent, question);
    expect(newMessages.map(({ role }) => role)).toEqual(['assistant', 'tool', 'assistant']);
    expect(newMessages[0]).toMatchObject({
      toolCalls: [{ id: `c-${version}`, function: { name: 'find_order', arguments: '{"id":"A-17"}' } }],
    });
    expect(newMessages[1]).toMatchObject({ toolCallId: `c-${version}`, content: expect.stringContaining('tent') });
    expect(newMessages[2]).toMatchObject({ content: 'In Oslo.' });
  });

  it('is asked by an agent, and answers', async () => {
    const agent = connect('/approval');
    system.model.answer(['Dear Ann'], { to: /./ });
    const interrupts: { id: string; metadata?: unknown }[] = [];
    agent.addMessage({ id: 'u1', role: 'user', content: 'Where is my parcel?' });
    await agent.runAgent(
      {},
      {
        onRunFinishedEvent: ({ event }) => {
          if (event.outcome?.type === 'interrupt') interrupts.push(...event.outcome.interrupts);
        },
      },
    );
    expect(interrupts).toEqual([
      expect.objectContaining({
        metadata: { value: { question: 'May this be sent?', draft: 'Dear Ann' }, node: 'review' },
      }),
    ]);
    const resume = interrupts.map(({ id }) => ({
      interruptId: id,
      status: 'resolved' as const,
      payload: { approved: true },
    }));
    const { newMessages, ends } = await ask(agent, null, { resume });
    expect(newMessages.at(-1)).toMatchObject({ role: 'assistant', content: 'Sent.' });
    expect(ends).toHaveLength(1);
  });

  it('stops the model when it stops', async () => {
    const agent = connect();
    const question = `Tell me all (${version})`;
    const gate = system.model.gated({ to: question });
    agent.addMessage({ id: 'u1', role: 'user', content: question });
    const runId = crypto.randomUUID();
    const running = agent.runAgent({ runId }).catch(() => undefined);
    await gate.say('I');
    agent.abortRun();
    await running;
    expect((await (await gate.request).ended).by).toBe('client');
    const job = (await (await fetch(`${system.url}/jobs/${runId}`)).json()) as object;
    expect(job).toMatchObject({ status: 'cancelled' });
  });
});
