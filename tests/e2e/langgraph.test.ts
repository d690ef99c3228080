import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@langchain/langgraph-sdk';
import { StreamOrchestrator } from '@langchain/langgraph-sdk/ui';
import { eventually } from '@millrace/testing';
import { Client as Client2 } from 'langgraph-sdk-2';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  const examples = ['tools', 'approval', 'supervisor'].map((name) => `examples/agents/${name}/langgraph.json`);
  const graphs = [...examples, 'tests/e2e/asking-agent/langgraph.json'].join(',');
  const env = { MILLRACE_GRAPHS: graphs, OPENAI_API_KEY: 'simulated', MILLRACE_DISCONNECT_GRACE_MS: '1000' };
  system = await SystemHarness.start({ env });
  await eventually(async () => (await clientOf('1.15').assistants.count()) >= 5);
});
afterAll(() => system?.[Symbol.asyncDispose]());

const VERSIONS = { '1.15': Client, '2.0': Client2 as unknown as typeof Client } as const;
type Version = keyof typeof VERSIONS;
const clientOf = (version: Version, url = system.url) =>
  new VERSIONS[version]({ apiUrl: `${url}/langgraph`, callerOptions: { maxRetries: 0 } });
const human = (content: string) => ({ messages: [{ type: 'human', content }] });

interface Part {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a client reads
  readonly data: any;
}

async function all(stream: AsyncIterable<unknown>): Promise<Part[]> {
  const parts: Part[] = [];
  for await (const part of stream) parts.push(part as Part);
  return parts;
}

const chunksIn = (parts: readonly Part[], name = 'messages') =>
  parts.flatMap(({ event, data }) => (event === name ? [data[0]] : []));
const textIn = (parts: readonly Part[]) =>
  chunksIn(parts)
    .filter(({ type }) => type === 'AIMessageChunk')
    .map(({ content }) => content)
    .join('');
const lastValues = (parts: readonly Part[]) => parts.findLast(({ event }) => event === 'values')?.data;

describe.each(Object.keys(VERSIONS) as Version[])('the client of LangGraph %s', (version) => {
  it('chats on a thread: in pieces, whole, with usage, and its state has the same ids', async () => {
    const client = clientOf(version);
    const { thread_id: threadId } = await client.threads.create();
    const [question, again] = [`Who are you (${version})?`, `And I (${version})?`];
    system.model.answer([{ reasoning: 'hm' }, 'A ', 'mill'], {
      to: question,
      usage: { inputTokens: 5, outputTokens: 2 },
    });
    const streamMode = ['values', 'updates', 'messages-tuple'] as const;
    const parts = await all(
      client.runs.stream(threadId, 'chat', { input: human(question), streamMode: [...streamMode] }),
    );
    expect([parts[0]?.event, parts.at(-1)?.event, textIn(parts)]).toEqual(['metadata', 'end', 'A mill']);
    const chunks = chunksIn(parts);
    expect(chunks[0]?.additional_kwargs).toEqual({ reasoning_content: 'hm' });
    const { messages } = lastValues(parts);
    expect(messages).toMatchObject([
      { type: 'human', content: question },
      { type: 'ai', content: 'A mill', id: chunks[0]?.id, usage_metadata: { input_tokens: 5, output_tokens: 2 } },
    ]);
    expect(parts.find(({ event }) => event === 'updates')?.data.chat.messages).toEqual([messages[1]]);
    system.model.answer(['A guest'], { to: again });
    const state = (await client.runs.wait(threadId, 'chat', { input: human(again) })) as { messages: Part[] };
    const shown = (list: unknown) =>
      (list as { type: string; content: string; id: string }[]).map(({ type, content, id }) => [type, content, id]);
    expect(shown(state.messages).slice(0, 2)).toEqual(shown(messages));
    expect(
      shown(state.messages)
        .map(([type, content]) => [type, content])
        .slice(2),
    ).toEqual([
      ...[
        ['human', again],
        ['ai', 'A guest'],
      ],
    ]);
    const kept = await client.threads.getState<{ messages: unknown }>(threadId);
    expect(shown(kept.values.messages)).toEqual(shown(state.messages));
    expect(shown((await client.threads.getHistory<{ messages: unknown }>(threadId))[0]?.values.messages)).toEqual(
      shown(state.messages),
    );
    const [found] = await client.threads.search({ metadata: { graph_id: 'chat' }, limit: 1 });
    expect(found?.thread_id).toBe(threadId);
  });

  it.each(['messages', 'custom', 'updates'] as const)(
    'reads the mode %s',
    async (streamMode) => {
      const question = `In mode ${streamMode} (${version})`;
      system.model.answer(['one', ' two'], { to: question });
      const parts = await all(clientOf(version).runs.stream(null, 'chat', { input: human(question), streamMode }));
      expect([parts[0]?.event, parts.at(-1)?.event]).toEqual(['metadata', 'end']);
      if (streamMode === 'messages') {
        const whole = parts.find(({ event }) => event === 'messages/complete');
        expect(whole?.data).toMatchObject([{ type: 'ai', content: 'one two' }]);
      }
    },
    240_000,
  );

  it('sees the tools of an agent, and its state with the same ids', async () => {
    const client = clientOf(version);
    const { thread_id: threadId } = await client.threads.create();
    const question = `Where is A-17, by LangGraph ${version}?`;
    const find = { toolCall: { id: `lg-${version}`, name: 'find_order', arguments: '{"id":"A-17"}' } };
    system.model.answer(({ body }) => (JSON.stringify(body).includes(`"lg-${version}"`) ? ['In Oslo.'] : [find]), {
      to: question,
    });
    const streamMode = ['values', 'updates', 'messages-tuple', 'tasks', 'checkpoints'] as const;
    const input = { messages: [{ type: 'human', content: question, id: 'mine' }] };
    const parts = await all(client.runs.stream(threadId, 'tools', { input, streamMode: [...streamMode] }));
    expect([parts.at(-1)?.event, textIn(parts)]).toEqual(['end', 'In Oslo.']);
    const { messages } = lastValues(parts);
    expect(messages).toMatchObject([
      { type: 'human', id: 'mine', content: question },
      { type: 'ai', tool_calls: [{ id: `lg-${version}`, name: 'find_order', args: { id: 'A-17' } }] },
      { type: 'tool', tool_call_id: `lg-${version}`, content: expect.stringContaining('tent') },
      { type: 'ai', content: 'In Oslo.' },
    ]);
    const said = new Set(chunksIn(parts).flatMap(({ type, id }) => (type === 'AIMessageChunk' ? [id] : [])));
    expect([...said]).toEqual([messages[1].id, messages[3].id]);
    expect(chunksIn(parts).find(({ type }) => type === 'tool')).toMatchObject({ tool_call_id: `lg-${version}` });
    const events = new Set(parts.map(({ event }) => event));
    for (const mode of ['updates', 'tasks', 'checkpoints']) expect(events).toContain(mode);
    const state = await client.threads.getState<{ messages: { id: string }[] }>(threadId);
    expect(state.values.messages.map(({ id }) => id)).toEqual(messages.map(({ id }: { id: string }) => id));
    const history = await client.threads.getHistory(threadId, { limit: 50 });
    expect(history[0]).toEqual(state);
    expect(history.length).toBeGreaterThan(3);
    const [, second] = history;
    expect(await client.threads.getState(threadId, second?.checkpoint.checkpoint_id ?? '')).toEqual(second);
    const before = await client.threads.getHistory(threadId, {
      before: { configurable: { checkpoint_id: second?.checkpoint.checkpoint_id } } as never,
    });
    expect(before[0]).toEqual(history[2]);
  });

  it('is asked by an agent, and answers', async () => {
    const client = clientOf(version);
    const { thread_id: threadId } = await client.threads.create();
    const asked = await all(
      client.runs.stream(threadId, 'asking', { input: human('Go on?'), streamMode: ['values', 'updates'] }),
    );
    const [question] = lastValues(asked).__interrupt__;
    expect(question).toEqual({ id: expect.any(String), value: { question: 'Go on?' } });
    const [, run] = [await client.threads.get(threadId), (await client.runs.list(threadId))[0]];
    expect(run?.status).toBe('interrupted');
    const state = await client.threads.getState(threadId);
    expect(state).toMatchObject({ next: ['ask'], tasks: [{ name: 'ask', interrupts: [question] }] });
    expect(await client.threads.get(threadId)).toMatchObject({ status: 'interrupted' });
    const answered = await client.runs.wait(threadId, 'asking', { input: null, command: { resume: 'yes' } });
    expect(answered).toMatchObject({
      messages: [{ content: 'Go on?' }, { type: 'ai', content: 'You said yes, of 1.' }],
    });
    await expect(client.runs.wait(threadId, 'asking', { command: { resume: 'no' } })).rejects.toThrow('HTTP 409');
    expect((await client.threads.getState(threadId)).next).toEqual([]);
  });

  it('hears of errors before and midway', async () => {
    const client = clientOf(version);
    await expect(client.runs.wait(null, 'nobody', { input: human('x') })).rejects.toThrow('HTTP 404');
    const question = `Fail (${version})`;
    const gate = system.model.gated({ to: question });
    const parts: Part[] = [];
    const streaming = (async () => {
      const payload = { input: human(question), streamMode: 'messages-tuple' } as const;
      for await (const part of client.runs.stream(null, 'chat', payload)) {
        parts.push(part as Part);
        if (part.event === 'messages') void gate.step({ reset: true });
      }
    })();
    await gate.say('half');
    await streaming;
    expect([textIn(parts), parts.at(-1)]).toMatchObject(['half', { event: 'error', data: { error: 'MODEL_ERROR' } }]);
    const refused = `Refuse (${version})`;
    system.model.answer([{ fail: { status: 400, message: 'no' } }], { to: refused });
    await expect(client.runs.wait(null, 'chat', { input: human(refused) })).rejects.toThrow('MODEL_ERROR');
  });

  it('stops: the model hears of it, and so does every reader', async () => {
    const client = clientOf(version);
    const { thread_id: threadId } = await client.threads.create();
    const question = `Tell me all (${version})`;
    const gate = system.model.gated({ to: question });
    const { run_id: runId } = await client.runs.create(threadId, 'chat', { input: human(question) });
    await gate.say('I');
    const joining = all(
      clientOf(version, system.node(1)).runs.joinStream(threadId, runId, { streamMode: 'messages-tuple' }),
    );
    await client.runs.cancel(threadId, runId, true);
    expect((await (await gate.request).ended).by).toBe('client');
    expect((await joining).at(-1)).toMatchObject({ event: 'error', data: { error: 'UserInterrupt' } });
    expect((await client.runs.get(threadId, runId)).status).toBe('interrupted');
  });

  it('leaves, which ends a run that was to end with it', async () => {
    const question = `Leave (${version})`;
    const gate = system.model.gated({ to: question });
    const gone = new AbortController();
    const { signal } = gone;
    const running = all(
      clientOf(version).runs.stream(null, 'chat', { input: human(question), onDisconnect: 'cancel', signal }),
    ).catch(() => undefined);
    await gate.say('I');
    gone.abort();
    await running;
    expect((await (await gate.request).ended).by).toBe('client');
  });

  it('goes on by itself when a node stops, without gap or repeat', async () => {
    const question = `Over a restart (${version})`;
    const gate = system.model.gated({ to: question });
    const running = all(
      clientOf(version).runs.stream(null, 'chat', { input: human(question), streamMode: ['values', 'messages-tuple'] }),
    );
    await gate.say('half');
    const restarting = (async () => {
      for (const api of [...system.apis]) await system.restart(api);
    })();
    await gate.say(' and');
    await restarting;
    await gate.say(' half');
    await gate.finish();
    const parts = await running;
    expect([textIn(parts), parts.at(-1)?.event]).toEqual(['half and half', 'end']);
    expect(lastValues(parts).messages.at(-1)).toMatchObject({ type: 'ai', content: 'half and half' });
  });

  it.each(['interrupt', 'enqueue'] as const)(
    'sends twice: %s',
    async (multitaskStrategy) => {
      const client = clientOf(version);
      const { thread_id: threadId } = await client.threads.create();
      const [first, second] = [`First ${multitaskStrategy} ${version}`, `Second ${multitaskStrategy} ${version}`];
      const gate = system.model.gated({ to: first });
      system.model.answer(['done'], { to: second });
      const running = await client.runs.create(threadId, 'chat', { input: human(first) });
      await gate.say('half');
      const next = client.runs.wait(threadId, 'chat', { input: human(second), multitaskStrategy });
      if (multitaskStrategy === 'enqueue') {
        await eventually(async () => (await client.runs.list(threadId)).length === 2);
        await gate.finish();
      }
      const { messages } = (await next) as { messages: { content: string }[] };
      expect(messages.map(({ content }) => content)).toEqual([first, 'half', second, 'done']);
      const status = multitaskStrategy === 'enqueue' ? 'success' : 'interrupted';
      expect((await client.runs.get(threadId, running.run_id)).status).toBe(status);
    },
    240_000,
  );

  it('hears subgraphs by their names', async () => {
    system.model.answer(['weather'], { to: /./ });
    const payload = {
      input: human(`A day in Oslo (${version})`),
      streamSubgraphs: true,
      streamMode: ['messages-tuple', 'values'] as const,
    };
    const parts = await all(
      clientOf(version).runs.stream(null, 'supervisor', { ...payload, streamMode: [...payload.streamMode] }),
    );
    expect(parts.at(-1)?.event).toBe('end');
    const events = new Set(parts.map(({ event }) => event));
    expect(events).toContain('messages|weather');
    expect(events).toContain('values|weather');
  });
});

describe('what useStream of the SDK is made of', () => {
  const connect = (assistantId: string) => {
    const client = clientOf('1.15');
    const errors: unknown[] = [];
    const options = { assistantId, fetchStateHistory: true, onError: (error: unknown) => void errors.push(error) };
    const accessors = { getClient: () => client, getAssistantId: () => assistantId, getMessagesKey: () => 'messages' };
    const stream = new StreamOrchestrator(options as never, accessors as never);
    stream.trackStreamMode('messages-tuple');
    stream.initThreadId(undefined);
    const shown = () => stream.messages.map((message) => (message as { content: string }).content);
    return { stream, shown, errors };
  };

  it('shows a conversation as it is said, without doubles', async () => {
    const { stream, shown, errors } = connect('chat');
    const gate = system.model.gated({ to: 'Say it' });
    const submitting = stream.submit(human('Say it'));
    await gate.say('Hello');
    await eventually(() => shown().join() === 'Say it,Hello');
    await gate.finish();
    await submitting;
    expect(shown()).toEqual(['Say it', 'Hello']);
    system.model.answer(['Yes'], { to: 'Again?' });
    await stream.submit(human('Again?'));
    expect(shown()).toEqual(['Say it', 'Hello', 'Again?', 'Yes']);
    expect(errors).toEqual([]);
    stream.dispose();
  });

  it('asks a question of an agent, and answers it', async () => {
    const { stream, shown, errors } = connect('asking');
    await stream.submit(human('Go on?'));
    expect(stream.interrupt).toMatchObject({ value: { question: 'Go on?' } });
    await stream.submit(null as never, { command: { resume: 'yes' } } as never);
    expect([shown(), stream.interrupt, errors]).toEqual([['Go on?', 'You said yes, of 1.'], undefined, []]);
    stream.dispose();
  });
});
