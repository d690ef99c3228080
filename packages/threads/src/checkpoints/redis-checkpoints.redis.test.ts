import { afterAll, describe, expect, it } from '@jest/globals';
import { AIMessage, type BaseMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import {
  Annotation,
  Command,
  DeltaChannel,
  interrupt,
  MessagesAnnotation,
  MessagesDeltaValue,
  Send,
  START,
  StateGraph,
  StateSchema,
} from '@langchain/langgraph';
import type { ThreadRef } from '@millrace/contracts';
import { startRedis } from '@millrace/testing';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';
import type { CheckpointView, StateMessage } from './ports.ts';
import { RedisCheckpoints } from './redis-checkpoints.ts';

const redis = await startRedis();
const harness = new CheckpointHarness(redis.url);
const checkpoints = new RedisCheckpoints(harness.table);

afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  await redis.stop();
});

const of = (ref: ThreadRef) => ({ configurable: { thread_id: ref } });

function messagesOf(view: CheckpointView | null): readonly StateMessage[] {
  return (view?.values['messages'] ?? []) as readonly StateMessage[];
}

/** Asks a person before it answers; a subgraph thinks. */
function agent() {
  const State = Annotation.Root({
    ...MessagesAnnotation.spec,
    seen: Annotation<Set<string>>({ reducer: (a, b) => new Set([...a, ...b]), default: () => new Set() }),
    at: Annotation<Map<string, number>>,
  });
  const thinker = new StateGraph(MessagesAnnotation)
    .addNode('think', () => ({ messages: [new AIMessage({ id: 'thought', content: 'hm' })] }))
    .addEdge(START, 'think')
    .compile();
  return new StateGraph(State)
    .addNode('thinker', thinker)
    .addNode('ask', () => {
      const answer: string = interrupt({ question: 'really?' });
      return { messages: [new HumanMessage({ id: 'answer', content: answer })], seen: new Set(['ask']) };
    })
    .addNode('act', () => ({
      messages: [
        new AIMessage({ id: 'call', content: '', tool_calls: [{ id: 'c1', name: 'add', args: { a: 1 } }] }),
        new ToolMessage({ id: 'result', tool_call_id: 'c1', name: 'add', content: '2' }),
        new AIMessage({
          id: 'end',
          content: [
            { type: 'text', text: 'It is ' },
            { type: 'text', text: 'done.' },
          ],
        }),
      ],
      at: new Map([['act', 1]]),
    }))
    .addEdge(START, 'thinker')
    .addEdge('thinker', 'ask')
    .addEdge('ask', 'act')
    .compile({ checkpointer: harness.saver() });
}

const INPUT = {
  messages: [
    new SystemMessage({ id: 's', content: 'be kind' }),
    new HumanMessage({
      id: 'q',
      content: [
        { type: 'text', text: 'look' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
      ],
    }),
  ],
};

describe('the state of an agent', () => {
  it('names the node of every question, also of those that were sent', async () => {
    const ref = harness.newThread();
    const ask = (state: { n?: number }) => {
      interrupt(`${state.n}?`);
      return {};
    };
    const graph = new StateGraph(Annotation.Root({ n: Annotation<number> }))
      .addNode('left', ask)
      .addNode('right', ask)
      .addNode('alone', ask)
      .addEdge(START, 'alone')
      .addConditionalEdges(START, () => [
        new Send('left', { n: 1 }),
        new Send('right', { n: 2 }),
        new Send('left', { n: 3 }),
      ])
      .compile({ checkpointer: harness.saver() });
    await graph.invoke({ n: 0 }, of(ref));
    const asked = (await checkpoints.readState(ref))?.interrupts.map(({ node, value }) => [node, value]);
    expect(new Set(asked)).toEqual(
      new Set([
        ['alone', '0?'],
        ['left', '1?'],
        ['right', '2?'],
        ['left', '3?'],
      ]),
    );
    const {
      checkpoints: [newest],
    } = await checkpoints.history(ref);
    expect(newest?.interrupts.map(({ node, value }) => [node, value])).toEqual(asked);
  });

  it('is read as plain JSON, without LangChain', async () => {
    const ref = harness.newThread();
    const graph = agent();
    expect(await checkpoints.readState(ref)).toBeNull();
    await graph.invoke(INPUT, of(ref));
    const asking = await checkpoints.readState(ref);
    const state = await graph.getState(of(ref));
    expect(asking).toMatchObject({
      checkpointId: state.config.configurable?.['checkpoint_id'],
      parentId: state.parentConfig?.configurable?.['checkpoint_id'],
      createdAt: state.createdAt,
      next: state.next,
      interrupts: [
        { interruptId: state.tasks[0]?.interrupts[0]?.id, value: { question: 'really?' }, node: state.tasks[0]?.name },
      ],
      origin: null,
    });
    expect(asking?.metadata['step']).toBe(state.metadata?.step);
    expect(asking?.values).toEqual({
      messages: [
        { role: 'system', content: 'be kind', messageId: 's' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image', data: 'AAAA', mediaType: 'image/png' },
          ],
          messageId: 'q',
        },
        { role: 'assistant', content: 'hm', messageId: 'thought' },
      ],
      seen: [],
    });

    await graph.invoke(new Command({ resume: 'yes' }), of(ref));
    const done = await checkpoints.readState(ref);
    expect(done).toMatchObject({ next: [], interrupts: [] });
    expect(done?.values['seen']).toEqual(['ask']);
    expect(done?.values['at']).toEqual({ act: 1 });
    expect(messagesOf(done).slice(3)).toEqual([
      { role: 'user', content: 'yes', messageId: 'answer' },
      {
        role: 'assistant',
        content: '',
        messageId: 'call',
        toolCalls: [{ callId: 'c1', name: 'add', arguments: '{"a":1}' }],
      },
      { role: 'tool', content: '2', messageId: 'result', name: 'add', toolCallId: 'c1' },
      { role: 'assistant', content: 'It is done.', messageId: 'end' },
    ]);
    expect(await checkpoints.readState(ref, asking?.checkpointId)).toEqual({
      ...asking,
      interrupts: expect.anything(),
    });
    expect(await checkpoints.readState(ref, 'unknown')).toBeNull();
  });

  it('has a history, newest first, as the graph itself gives it', async () => {
    const ref = harness.newThread();
    const graph = agent();
    await graph.invoke(INPUT, of(ref));
    await graph.invoke(new Command({ resume: 'yes' }), of(ref));
    const { checkpoints: history } = await checkpoints.history(ref);
    const snapshots = [];
    for await (const snapshot of graph.getStateHistory(of(ref))) snapshots.push(snapshot);
    expect(history.map(({ checkpointId, next }) => ({ checkpointId, next }))).toEqual(
      snapshots.map(({ config, next }) => ({ checkpointId: config.configurable?.['checkpoint_id'], next })),
    );
    const [first, second, third] = history;
    expect(await checkpoints.history(ref, { limit: 1 })).toEqual({ checkpoints: [first], more: true });
    expect(await checkpoints.history(ref, { before: first?.checkpointId ?? '', limit: 2 })).toMatchObject({
      checkpoints: [second, third],
    });
    expect(await checkpoints.history(ref, { before: history.at(-1)?.checkpointId ?? '' })).toEqual({
      checkpoints: [],
      more: false,
    });
  });

  it('has short pages where its checkpoints are large (law 16)', async () => {
    const ref = harness.newThread();
    const graph = new StateGraph(Annotation.Root({ text: Annotation<string> }))
      .addNode('step', () => ({}))
      .addEdge(START, 'step')
      .compile({ checkpointer: harness.saver() });
    for (const letter of 'ab') await graph.invoke({ text: letter.repeat(1_500_000) }, of(ref));
    const seen: string[] = [];
    let pages = 0;
    for (let more = true; more; pages += 1) {
      const before = seen.at(-1);
      const page = await checkpoints.history(ref, { limit: 100, ...(before === undefined ? {} : { before }) });
      expect(page.checkpoints.length).toBeLessThanOrEqual(3);
      seen.push(...page.checkpoints.map(({ checkpointId }) => checkpointId));
      ({ more } = page);
    }
    const all = [];
    for await (const { config } of graph.getStateHistory(of(ref))) all.push(config.configurable?.['checkpoint_id']);
    expect(seen).toEqual(all);
    expect(pages).toBeGreaterThan(1);
  });

  it('names the nodes that tasks were sent to', async () => {
    const ref = harness.newThread();
    const State = Annotation.Root({ n: Annotation<number[]>({ reducer: (a, b) => [...a, ...b], default: () => [] }) });
    const graph = new StateGraph(State)
      .addNode('plan', () => ({}))
      .addNode('work', () => ({ n: [1] }))
      .addEdge(START, 'plan')
      .addConditionalEdges('plan', () => [new Send('work', {}), new Send('work', {})])
      .compile({ checkpointer: harness.saver(), interruptBefore: ['work'] });
    await graph.invoke({ n: [] }, of(ref));
    expect((await checkpoints.readState(ref))?.next).toEqual(['work']);
    await graph.invoke(null, of(ref));
    expect(await checkpoints.readState(ref)).toMatchObject({ next: [], values: { n: [1, 1] } });
  });

  it('is rebuilt from what was written to a delta channel', async () => {
    const ref = harness.newThread();
    const graph = new StateGraph(new StateSchema({ messages: MessagesDeltaValue }))
      .addNode('say', ({ messages }) => ({ messages: [new AIMessage({ id: `a${messages.length}`, content: 'a' })] }))
      .addEdge(START, 'say')
      .compile({ checkpointer: harness.saver() });
    for (let turn = 1; turn <= 3; turn++) {
      await graph.invoke({ messages: [new HumanMessage({ id: `q${turn}`, content: 'q' })] }, of(ref));
    }
    const { values } = await graph.getState(of(ref));
    const plain = messagesOf(await checkpoints.readState(ref));
    expect(plain.map(({ messageId }) => messageId)).toEqual(values.messages.map(({ id }: BaseMessage) => id));
    expect(plain).toHaveLength(6);
  });
});

describe('a copy', () => {
  it('goes on where the thread stood, on its own', async () => {
    const [ref, fork] = [harness.newThread(), harness.newThread()];
    const graph = agent();
    await graph.invoke(INPUT, of(ref));
    const asking = await checkpoints.readState(ref);
    expect(await checkpoints.copy(ref, fork)).toEqual({ checkpointId: asking?.checkpointId, origin: null });
    expect(await checkpoints.copy(ref, fork)).toEqual({ checkpointId: asking?.checkpointId, origin: null });
    expect(await checkpoints.readState(fork)).toEqual({ ...asking, parentId: null });
    await checkpoints.erase(ref);
    const result = await graph.invoke(new Command({ resume: 'yes' }), of(fork));
    expect(result.messages.at(-1)?.id).toBe('end');
    expect(result.messages.map(({ id }) => id)).toContain('thought');
    expect(await checkpoints.readState(ref)).toBeNull();
  });

  it('begins at an older checkpoint, if asked to', async () => {
    const [ref, fork] = [harness.newThread(), harness.newThread()];
    const graph = agent();
    await graph.invoke(INPUT, of(ref));
    await graph.invoke(new Command({ resume: 'yes' }), of(ref));
    const asked = (await checkpoints.history(ref)).checkpoints.find(({ next }) => next.includes('ask'));
    await checkpoints.copy(ref, fork, { checkpointId: asked?.checkpointId ?? '' });
    expect((await checkpoints.readState(fork))?.values).toEqual(asked?.values);
    expect((await checkpoints.history(fork)).checkpoints).toHaveLength(1);
    const result = await graph.invoke(new Command({ resume: 'no' }), of(fork));
    expect(result.messages.map(({ id }) => id)).toContain('answer');
    expect(await checkpoints.copy(ref, harness.newThread(), { checkpointId: 'unknown' })).toBeNull();
  });

  it('has what a delta channel is rebuilt from, and the state of a lasting subgraph', async () => {
    const [ref, fork] = [harness.newThread(), harness.newThread()];
    const Counted = Annotation.Root({
      n: Annotation<number>({ reducer: (a, b) => a + b, default: () => 0 }),
      out: Annotation<number>,
    });
    const counter = new StateGraph(Counted)
      .addNode('count', () => ({ n: 1 }))
      .addNode('tell', ({ n }) => ({ out: n }))
      .addEdge(START, 'count')
      .addEdge('count', 'tell')
      .compile({ checkpointer: true });
    const State = Annotation.Root({
      out: Annotation<number>,
      log: Object.assign(() => new DeltaChannel<number[]>((a, b) => [...(a ?? []), ...b.flat()] as never), {
        lg_is_channel: true,
      }) as never,
    });
    const graph = new StateGraph(State)
      .addNode('counter', async (_, config) => ({ out: (await counter.invoke({}, config)).out, log: [1] }))
      .addEdge(START, 'counter')
      .compile({ checkpointer: harness.saver() });
    for (let turn = 0; turn < 3; turn++) await graph.invoke({ log: [0] } as never, of(ref));
    expect((await graph.getState(of(ref))).values).toEqual({ out: 3, log: [0, 1, 0, 1, 0, 1] });
    await checkpoints.copy(ref, fork);
    await checkpoints.erase(ref);
    expect((await checkpoints.readState(fork))?.values).toEqual({ out: 3, log: [0, 1, 0, 1, 0, 1] });
    expect(await graph.invoke({ log: [0] } as never, of(fork))).toEqual({ out: 4, log: [0, 1, 0, 1, 0, 1, 0, 1] });
  });
});
