import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { dispatchCustomEvent } from '@langchain/core/callbacks/dispatch';
import { AIMessage, HumanMessage } from '@langchain/core/messages';
import type { RunnableConfig } from '@langchain/core/runnables';
import { type StructuredToolInterface, tool } from '@langchain/core/tools';
import {
  Annotation,
  type CompiledStateGraph,
  interrupt,
  type LangGraphRunnableConfig,
  MemorySaver,
  MessagesAnnotation,
  START,
  StateGraph,
} from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import { ChatOpenAI } from '@langchain/openai';
import type { ModelRequest, SimulatedModel } from '@millrace/simulated-model';
import { startModel } from '@millrace/simulated-model';
import { createAgent } from 'langchain';
import { z } from 'zod';
import { AgentRuns, inShort } from './testing/run-agent.ts';

let server: SimulatedModel;
let model: ChatOpenAI;
beforeAll(async () => {
  server = await startModel();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  server.answer(['Hello', ' you']);
  model = new ChatOpenAI({
    model: 'gpt-4o-mini',
    apiKey: 'x',
    maxRetries: 0,
    configuration: { baseURL: server.baseUrl },
  });
});

const schema = z.object({ what: z.string() });
const find = tool(async ({ what }: z.infer<typeof schema>) => `found ${what}`, {
  name: 'find',
  description: 'Finds.',
  schema,
});
const fail = tool(
  async () => {
    throw new Error('no luck');
  },
  { name: 'fail', description: 'Fails.', schema },
);
const approve = tool(async ({ what }: z.infer<typeof schema>) => `${what}: ${interrupt({ may: what })}`, {
  ...{ name: 'approve', description: 'Asks.', schema },
});

/** The model calls these tools until one has answered, and then says so. */
function callsTools(...names: string[]) {
  server.answer(({ body }: ModelRequest) =>
    body.messages?.at(-1)?.role === 'tool'
      ? ['All', ' done']
      : names.map((name, nth) => ({ toolCall: { id: `call_${nth}`, name, arguments: '{"what":"it"}' } })),
  );
}

type State = typeof MessagesAnnotation.State;
type Node = (state: State, config: RunnableConfig) => Promise<Partial<State> | object>;

/** A graph of nodes that run one after the other. */
function line(nodes: Readonly<Record<string, Node>>) {
  const graph = new StateGraph(MessagesAnnotation) as unknown as {
    addNode(name: string, node: Node): void;
    addEdge(from: string, to: string): void;
    compile(options?: object): CompiledStateGraph<State, Partial<State>> & { invoke(state: State): Promise<State> };
  };
  let before: string = START;
  for (const [name, node] of Object.entries(nodes)) {
    graph.addNode(name, node);
    graph.addEdge(before, name);
    before = name;
  }
  return graph;
}

/** A model and its tools, in the form that needs no `langchain`. */
function react(tools: StructuredToolInterface[]) {
  const bound = model.bindTools(tools);
  return new StateGraph(MessagesAnnotation)
    .addNode('agent', async ({ messages }) => ({ messages: [await bound.invoke(messages)] }))
    .addNode('tools', new ToolNode(tools))
    .addEdge(START, 'agent')
    .addConditionalEdges('agent', ({ messages }) =>
      (messages.at(-1) as AIMessage).tool_calls?.length ? 'tools' : '__end__',
    )
    .addEdge('tools', 'agent')
    .compile();
}

/** The order of things that come at once is not fixed. */
const byText = (one: unknown, other: unknown) => `${one}`.localeCompare(`${other}`);

const talk: Node = async ({ messages }) => ({ messages: [await model.invoke(messages)] });

describe('what an agent says', () => {
  it('is its messages, with their node, their tool calls as the model writes them, and each result once', async () => {
    callsTools('find', 'fail');
    const { events, result } = await new AgentRuns(react([find, fail])).ask('hi');
    expect(inShort(events)).toEqual([
      'message_start agent',
      ...[
        'tool_call_start find',
        'tool_call_delta {"what":"it"}',
        'tool_call_start fail',
        'tool_call_delta {"what":"it"}',
      ],
      ...['tool_call find {"what":"it"}', 'tool_call fail {"what":"it"}', 'message_end tool_calls'],
      'tool_result find found it',
      expect.stringMatching(/^tool_result fail failed: Error: no luck/),
      ...['message_start agent', 'text All done', 'message_end stop'],
    ]);
    expect(result.finishReason).toBe('stop');
  });

  it('is the same from createAgent', async () => {
    callsTools('find', 'fail');
    const { events } = await new AgentRuns(createAgent({ model, tools: [find, fail] })).ask('hi');
    const lines = inShort(events);
    expect(lines.filter((line) => line.startsWith('tool_result')).sort(byText)).toEqual([
      expect.stringMatching(/^tool_result fail failed: /),
      'tool_result find found it',
    ]);
    expect(lines.slice(-3)).toEqual(['message_start model_request', 'text All done', 'message_end stop']);
  });

  it.each([
    ['an object of the class', () => new AIMessage('from me')],
    ['a plain object', () => ({ role: 'assistant', content: 'from me' })],
    ['a pair', () => ['ai', 'from me']],
  ])('includes a message that no model has streamed, once: %s', async (_form, message) => {
    const graph = line({ first: async () => ({ messages: [message()] }), second: talk }).compile();
    const { events } = await new AgentRuns(graph).ask('hi');
    expect(inShort(events)).toEqual([
      ...['message_start first', 'text from me', 'message_end stop'],
      ...['message_start second', 'text Hello you', 'message_end stop'],
    ]);
  });

  it('includes the answer of a silent model when a node returns it', async () => {
    const silent: Node = async ({ messages }) => ({
      messages: [await model.withConfig({ tags: ['nostream'] }).invoke(messages)],
    });
    const { events, result } = await new AgentRuns(line({ silent }).compile()).ask('hi');
    expect(inShort(events)).toEqual(['message_start silent', 'text Hello you', 'message_end stop']);
    expect(result.usage.outputTokens).toBe(2);
  });

  it('includes a message that stands alone in the state', async () => {
    const graph = new StateGraph(Annotation.Root({ topic: Annotation<string>, answer: Annotation<AIMessage> }))
      .addNode('write', async ({ topic }) => ({ answer: new AIMessage(`about ${topic}`) }))
      .addEdge(START, 'write')
      .compile();
    const { events } = await new AgentRuns(graph).run({ input: { topic: 'mills' } });
    expect(inShort(events)).toEqual(['message_start write', 'text about mills', 'message_end stop']);
  });

  it('includes no message twice that a node copies from its model', async () => {
    const copy: Node = async ({ messages }) => ({
      messages: [new AIMessage(`${(await model.invoke(messages)).content}`)],
    });
    const { events } = await new AgentRuns(line({ copy }).compile()).ask('hi');
    expect(inShort(events)).toEqual(['message_start copy', 'text Hello you', 'message_end stop']);
  });

  it('includes neither the history nor what the request has brought', async () => {
    const runs = new AgentRuns(line({ echo: async ({ messages }) => ({ messages }), talk }).compile());
    await runs.ask('first');
    const messages = [
      { role: 'assistant' as const, content: 'I said so.' },
      { role: 'user' as const, content: 'second' },
    ];
    const { events } = await runs.run({ messages });
    expect(inShort(events)).toEqual(['message_start talk', 'text Hello you', 'message_end stop']);
  });

  it('leaves a message as its author’s code expects it', async () => {
    let content: unknown;
    const look: Node = async ({ messages }) => {
      ({ content } = await model.invoke(messages));
      return {};
    };
    await new AgentRuns(line({ look }).compile()).ask('hi');
    expect(content).toBe('Hello you');
  });

  it('includes reasoning, and whole answers of models that do not stream', async () => {
    server.answer([{ reasoning: 'hm' }, 'Yes']);
    const { events } = await new AgentRuns(line({ talk }).compile()).ask('hi');
    expect(inShort(events)).toEqual(['message_start talk', 'reasoning hm', 'text Yes', 'message_end stop']);
    const whole = new ChatOpenAI({
      ...{ model: 'x', apiKey: 'x', disableStreaming: true },
      configuration: { baseURL: server.baseUrl },
    });
    const plainTalk: Node = async ({ messages }) => ({ messages: [await whole.invoke(messages)] });
    const { events: told } = await new AgentRuns(line({ plainTalk }).compile()).ask('hi');
    expect(inShort(told).at(-2)).toBe('text Yes');
  });

  it('includes what nodes and tools write, before what follows it', async () => {
    callsTools('write');
    const write = tool(
      async ({ what }: z.infer<typeof schema>, config: LangGraphRunnableConfig) => {
        config.writer?.({ name: 'progress', percent: 50 });
        await dispatchCustomEvent('note', { about: what }, config);
        config.writer?.('half');
        return 'written';
      },
      { name: 'write', description: 'Writes.', schema },
    );
    const { events } = await new AgentRuns(react([write])).ask('hi');
    expect(inShort(events).filter((line) => /^(custom|tool_result)/.test(line))).toEqual([
      'custom progress {"name":"progress","percent":50}',
      'custom note {"about":"it"}',
      'custom - "half"',
      'tool_result write written',
    ]);
  });

  it('includes what JSON cannot hold, in words, and goes on', async () => {
    const circle: Record<string, unknown> = { n: 1n };
    circle['self'] = circle;
    callsTools('count');
    const count = tool(async () => 10n as never, { name: 'count', description: 'Counts.', schema });
    const state = Annotation.Root({
      ...MessagesAnnotation.spec,
      n: Annotation<bigint>,
      structuredResponse: Annotation<object>,
    });
    const graph = new StateGraph(state)
      .addNode('write', async (_state, { writer }: LangGraphRunnableConfig) => {
        for (const value of [10n, circle, () => 1, 'x'.repeat(10_000_000), undefined]) writer?.(value);
        return { n: 20n, structuredResponse: { n: 30n } };
      })
      .addNode('agent', async ({ messages }) => ({ messages: [await model.bindTools([count]).invoke(messages)] }))
      .addNode('tools', new ToolNode([count]))
      .addNode('ask', async () => (interrupt(new Map([['n', 40n]])) as true) && {})
      .addEdge(START, 'write')
      .addEdge('write', 'agent')
      .addEdge('agent', 'tools')
      .addEdge('tools', 'ask')
      .compile();
    const runs = new AgentRuns(graph);
    const { events } = await runs.ask('hi', { streamModes: ['updates'] });
    expect(inShort(events).filter((line) => /^(custom|tool_result|interrupt)/.test(line))).toEqual([
      'custom - "10"',
      'custom - {"n":"1","self":"[Circular]"}',
      'custom - "[Function: anonymous]"',
      'custom - {"omitted":"too large","bytes":10000002}',
      'custom - null',
      'tool_result count 10',
      'interrupt ask {"n":"40"}',
    ]);
    expect(events.find(({ type }) => type === 'state')?.data).toMatchObject({ data: { write: { n: '20' } } });
    const { events: after, result } = await runs.run({ resume: true, streamModes: ['values'] });
    expect(after.findLast(({ type }) => type === 'state')?.data).toMatchObject({ data: { n: '20' } });
    expect(result.finishReason).toBe('stop');
  });

  it('names the message of each event while several are open, and the subgraph of each', async () => {
    const inner = line({ talk }).compile();
    const graph = new StateGraph(MessagesAnnotation)
      .addNode('left', inner)
      .addNode('right', async (state) => ({ messages: ((await inner.invoke(state)) as State).messages.slice(-1) }))
      .addEdge(START, 'left')
      .addEdge(START, 'right')
      .compile();
    const [one, other] = [server.gated(), server.gated()];
    const running = new AgentRuns(graph).ask('hi');
    await one.say('a');
    await other.say('b');
    await one.say('c');
    await Promise.all([one.finish(), other.finish()]);
    const { events } = await running;
    const places = events.flatMap(({ type, data }) => (type === 'message_start' ? [data] : []));
    expect(places.map(({ namespace, node }) => [namespace, node]).sort(byText)).toEqual([
      [['left'], 'talk'],
      [['right'], 'talk'],
    ]);
    const said = new Map<string, string>();
    let latest = '';
    for (const { type, data } of events) {
      if (type === 'message_start') latest = data.messageId;
      if (type !== 'text') continue;
      const id = data.messageId ?? latest;
      said.set(id, (said.get(id) ?? '') + data.text);
    }
    expect([...said.values()].sort(byText)).toEqual(['ac', 'b']);
    expect(events.filter(({ type }) => type === 'message_end')).toHaveLength(2);
  });
});

describe('what an agent is given', () => {
  it('is who asks and for what, with no key that has no value', async () => {
    let given: unknown;
    const look: Node = async (_state, config) => {
      given = Object.fromEntries(
        Object.entries(config.configurable ?? {}).filter(([name]) => !/^__|^checkpoint/.test(name)),
      );
      return {};
    };
    const caller = { tenant: 'acme', role: 'user', subject: null };
    await new AgentRuns(line({ look }).compile()).ask('hi', { config: { tone: 'kind' }, caller });
    expect(given).toEqual({
      ...{ tone: 'kind', thread_id: 'acme.t1', request_id: 'job-1', attempt: 1 },
      langgraph_auth_user: {
        identity: 'acme',
        tenant: 'acme',
        role: 'user',
        permissions: ['user'],
        is_authenticated: true,
      },
      ...{ langgraph_auth_user_id: 'acme', langgraph_auth_permissions: ['user'] },
    });
  });

  it('is a graph of the job’s own where a function makes it', async () => {
    const make = async ({ configurable }: RunnableConfig) =>
      line({ say: async () => ({ messages: [new AIMessage(`for ${configurable?.['who']}`)] }) });
    const runs = new AgentRuns(make);
    expect(inShort((await runs.ask('hi', { config: { who: 'ann' } })).events)).toContain('text for ann');
    expect(inShort((await runs.ask('hi', { config: { who: 'bob' } })).events)).toContain('text for bob');
  });

  it('is every kind of message', async () => {
    let given: State['messages'] = [];
    const look: Node = async ({ messages }) => {
      given = messages;
      return {};
    };
    await new AgentRuns(line({ look }).compile()).run({
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: [{ type: 'text', text: 'hi' }] },
        { role: 'assistant', content: '', toolCalls: [{ callId: 'c1', name: 'find', arguments: '{"what":"it"}' }] },
        { role: 'tool', content: 'found', toolCallId: 'c1' },
      ],
    });
    expect(given.map((message) => message.getType())).toEqual(['system', 'human', 'ai', 'tool']);
    expect((given[2] as AIMessage).tool_calls).toEqual([
      { ...{ id: 'c1', name: 'find', args: { what: 'it' } }, type: 'tool_call' },
    ]);
  });

  it('is no state where it keeps its own', async () => {
    const saver = new MemorySaver();
    const runs = new AgentRuns(line({ talk }).compile({ checkpointer: saver }));
    await runs.ask('hi');
    expect([Object.keys(saver.storage), Object.keys(runs.saver.storage)]).toEqual([['acme.t1'], []]);
  });
});

describe('an agent that asks a person', () => {
  it('ends its job with the question, and goes on with the answer', async () => {
    callsTools('approve');
    const runs = new AgentRuns(react([approve]));
    const { events, result } = await runs.ask('hi');
    expect(inShort(events).at(-1)).toBe('interrupt tools {"may":"it"}');
    expect(result.finishReason).toBe('interrupt');
    const { events: after } = await runs.run({ resume: 'yes' });
    expect(inShort(after)).toEqual([
      'tool_result approve it: yes',
      'message_start agent',
      'text All done',
      'message_end stop',
    ]);
  });

  it('does not say again, in the job of the answer, what ran beside the question', async () => {
    server.answer(['from a model']);
    const graph = new StateGraph(MessagesAnnotation)
      .addNode('ask', async () => ({ messages: [new AIMessage(`answer: ${interrupt('?')}`)] }))
      .addNode('byHand', async () => ({ messages: [new AIMessage('by hand')] }))
      .addNode('asPair', async () => ({ messages: [['ai', 'a pair']] as never }))
      .addNode('talk', async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
      .addEdge(START, 'ask')
      .addEdge(START, 'byHand')
      .addEdge(START, 'asPair')
      .addEdge(START, 'talk')
      .compile();
    const runs = new AgentRuns(graph);
    const texts = (events: Parameters<typeof inShort>[0]) =>
      inShort(events)
        .filter((line) => line.startsWith('text'))
        .sort(byText);
    const both = [...texts((await runs.ask('hi')).events), ...texts((await runs.run({ resume: 'yes' })).events)];
    expect(both.sort(byText)).toEqual(['text a pair', 'text answer: yes', 'text by hand', 'text from a model']);
  });

  it('takes the answer by the name of its question too, and asks for names where it has several questions', async () => {
    callsTools('approve', 'approve');
    const twice = new StateGraph(MessagesAnnotation)
      .addNode('left', async () => ({ messages: [new AIMessage(`left ${interrupt('left?')}`)] }))
      .addNode('right', async () => ({ messages: [new AIMessage(`right ${interrupt('right?')}`)] }))
      .addEdge(START, 'left')
      .addEdge(START, 'right')
      .compile();
    const runs = new AgentRuns(twice);
    const { events } = await runs.ask('hi');
    const questions = events.flatMap(({ type, data }) => (type === 'interrupt' ? [data] : []));
    expect(questions.map(({ node, value }) => [node, value]).sort(byText)).toEqual([
      ['left', 'left?'],
      ['right', 'right?'],
    ]);
    await expect(runs.run({ resume: 'yes' })).rejects.toMatchObject({
      code: 'AGENT_ERROR',
      message: expect.stringContaining('2 answers'),
    });
    const answers = Object.fromEntries(questions.map(({ interruptId, node }) => [interruptId, `to ${node}`]));
    const { events: after } = await runs.run({ resume: answers });
    expect(
      inShort(after)
        .filter((line) => line.startsWith('text'))
        .sort(byText),
    ).toEqual(['text left to left', 'text right to right']);

    const once = new AgentRuns(
      line({ ask: async () => ({ messages: [new AIMessage(`${interrupt('?')}`)] }) }).compile(),
    );
    const asked = (await once.ask('hi')).events[0];
    const interruptId = asked?.type === 'interrupt' ? asked.data.interruptId : '';
    expect(inShort((await once.run({ resume: { [interruptId]: 'by name' } })).events)).toContain('text by name');
  });

  it.each([null, false, 0, '', [], {}, { a: null }])('takes %j for an answer', async (answer) => {
    const runs = new AgentRuns(
      line({ ask: async () => ({ messages: [new AIMessage(JSON.stringify(interrupt('?')))] }) }).compile(),
    );
    await runs.ask('hi');
    expect(inShort((await runs.run({ resume: answer })).events)).toContain(`text ${JSON.stringify(answer)}`);
  });

  it('stops at a breakpoint, and goes on from it with any answer', async () => {
    const graph = line({
      before: async () => ({ messages: [new AIMessage('one')] }),
      after: async () => ({ messages: [new AIMessage('two')] }),
    });
    const runs = new AgentRuns(graph.compile({ interruptBefore: ['after'] }));
    const { events, result } = await runs.ask('hi');
    expect(inShort(events).slice(1)).toEqual([
      'text one',
      'message_end stop',
      'interrupt after {"breakpoint":["after"]}',
    ]);
    expect(result.finishReason).toBe('interrupt');
    expect(inShort((await runs.run({ resume: true })).events)).toEqual([
      'message_start after',
      'text two',
      'message_end stop',
    ]);
  });
});

describe('a job that runs its graph in another way', () => {
  const twoSteps = () =>
    line({
      before: async () => ({ messages: [new AIMessage('one')] }),
      after: async () => ({ messages: [new AIMessage('two')] }),
    }).compile();

  it.each([
    [{ interruptBefore: ['after'] }, 'one'],
    [{ interruptAfter: ['before'] }, 'one'],
    [{ interruptAfter: '*' as const }, 'one'],
  ])('stops at its own breakpoints: %j', async (graphOptions, said) => {
    const runs = new AgentRuns(twoSteps());
    const { events, result } = await runs.run({ messages: [{ role: 'user', content: 'hi' }], graphOptions });
    expect([inShort(events).slice(1), result.finishReason]).toEqual([
      [`text ${said}`, 'message_end stop', 'interrupt after {"breakpoint":["after"]}'],
      'interrupt',
    ]);
    const rest = await runs.run({ resume: null });
    expect([inShort(rest.events)[1], rest.result.finishReason]).toEqual(['text two', 'stop']);
  });

  it('ends after as many steps as it allows', async () => {
    const runs = new AgentRuns(twoSteps());
    const run = runs.run({ messages: [{ role: 'user', content: 'hi' }], graphOptions: { recursionLimit: 1 } });
    await expect(run).rejects.toMatchObject({ failure: 'recursion' });
  });
});

describe('the end of an agent', () => {
  it('counts the usage of every model call, and says of which model', async () => {
    callsTools('find');
    const runs = new AgentRuns(react([find]));
    const { result } = await runs.ask('hi');
    expect(runs.usage).toHaveLength(2);
    expect(runs.models).toEqual([`openai:${model.model}`, `openai:${model.model}`]);
    expect(result.usage).toEqual({
      inputTokens: runs.usage.reduce((sum, { inputTokens }) => sum + inputTokens, 0),
      outputTokens: runs.usage.reduce((sum, { outputTokens }) => sum + outputTokens, 0),
    });
  });

  it('gives structured output', async () => {
    server.answer(({ body }: ModelRequest) => {
      const [offered] = body['tools'] as { function: { name: string } }[];
      return [{ toolCall: { id: 'c', name: offered?.function.name ?? '', arguments: '{"colour":"blue"}' } }];
    });
    const { toolStrategy } = await import('langchain');
    const agent = createAgent({ model, tools: [], responseFormat: toolStrategy(z.object({ colour: z.string() })) });
    const runs = new AgentRuns(agent);
    expect((await runs.ask('hi')).result).toMatchObject({ finishReason: 'stop', output: { colour: 'blue' } });
  });

  it('gives no output that a job before has left in the state', async () => {
    const state = Annotation.Root({ ask: Annotation<boolean>, structuredResponse: Annotation<object> });
    const graph = new StateGraph(state)
      .addNode('answer', async ({ ask }) => (ask ? { structuredResponse: { colour: 'blue' } } : {}))
      .addEdge(START, 'answer')
      .compile();
    const runs = new AgentRuns(graph);
    expect((await runs.run({ input: { ask: true } })).result.output).toEqual({ colour: 'blue' });
    expect((await runs.run({ input: { ask: false } })).result).not.toHaveProperty('output');
  });

  it('gives its output and no earlier one when its worker died after the step that has set it', async () => {
    const state = Annotation.Root({ colour: Annotation<string>, structuredResponse: Annotation<object> });
    let lives = true;
    const runs = new AgentRuns(
      new StateGraph(state)
        .addNode('answer', async ({ colour }) => (colour ? { structuredResponse: { colour } } : {}))
        .addNode('wait', async (_, { signal, writer }: LangGraphRunnableConfig) => {
          writer?.('waits');
          if (!lives) await new Promise((resolve) => signal?.addEventListener('abort', resolve));
          return {};
        })
        .addEdge(START, 'answer')
        .addEdge('answer', 'wait')
        .compile(),
    );
    const dieAndGoOn = async (colour: string) => {
      lives = false;
      for await (const { type } of runs.events({ input: { colour } })) if (type === 'custom') break;
      lives = true;
      return (await runs.run({ input: { colour } }, true)).result;
    };
    expect(await dieAndGoOn('blue')).toMatchObject({ output: { colour: 'blue' } });
    expect(await dieAndGoOn('')).not.toHaveProperty('output');
    expect(await dieAndGoOn('blue')).toMatchObject({ output: { colour: 'blue' } });
  });

  describe('that asks a person', () => {
    const state = Annotation.Root({ colour: Annotation<string>, structuredResponse: Annotation<object> });
    const asking = () =>
      new AgentRuns(
        new StateGraph(state)
          .addNode('answer', async ({ colour }) => (colour ? { structuredResponse: { colour } } : {}))
          .addNode('ask', async () => ({ colour: `${interrupt('good?') && ''}` }))
          .addEdge(START, 'answer')
          .addEdge('answer', 'ask')
          .compile(),
      );

    it('gives the output that it had before in the job that answers', async () => {
      const runs = asking();
      for (const colour of ['blue', 'red', 'red']) {
        const { result } = await runs.run({ input: { colour } });
        expect(result.finishReason).toBe('interrupt');
        expect(result).not.toHaveProperty('output');
        expect((await runs.run({ resume: true })).result).toMatchObject({ finishReason: 'stop', output: { colour } });
      }
    });

    it('gives no output of an earlier job in the job that answers', async () => {
      const runs = asking();
      await runs.run({ input: { colour: 'blue' } });
      await runs.run({ resume: true });
      await runs.run({ input: { colour: '' } });
      expect((await runs.run({ resume: true })).result).not.toHaveProperty('output');
    });
  });

  it.each([
    ['values', 2],
    ['updates', 1],
    ['tasks', 2],
    ['checkpoints', 3],
  ] as const)('shows the state only where it was asked for: %s', async (mode, count) => {
    const graph = line({ say: async () => ({ messages: [new AIMessage('x')] }) }).compile();
    const states = (events: readonly { type: string }[]) => events.filter(({ type }) => type === 'state');
    expect(states((await new AgentRuns(graph).ask('hi')).events)).toEqual([]);
    const { events } = await new AgentRuns(graph).ask('hi', { streamModes: [mode] });
    expect(states(events)).toHaveLength(count);
    expect(events.every(({ type, data }) => type !== 'state' || data.mode === mode)).toBe(true);
    expect(JSON.stringify(events)).not.toContain('__pregel');
    if (mode === 'values') {
      expect(states(events).at(-1)).toMatchObject({
        data: { data: { messages: [{ type: 'human', content: 'hi' }, { type: 'ai' }] } },
      });
    }
  });

  it('tells a graph’s error without its words, and a failed tool’s too', async () => {
    callsTools('fail');
    const tools = new ToolNode([fail], { handleToolErrors: false });
    const graph = line({
      agent: async ({ messages }) => ({ messages: [await model.bindTools([fail]).invoke(messages)] }),
      tools: tools as never,
    });
    const events: string[] = [];
    const error = await (async () => {
      for await (const event of new AgentRuns(graph.compile()).events({
        messages: [{ role: 'user', content: 'hi' }],
      })) {
        events.push(...inShort([event]));
      }
    })().catch((thrown: unknown) => thrown);
    expect(events.at(-1)).toBe('tool_result fail failed: The tool failed.');
    expect(error).toMatchObject({ name: 'AgentFailed', failure: 'graph', mayRunAgain: false });
    expect((error as Error).message).not.toContain('luck');
  });

  it.each([429, 400, 503])('knows a model’s error: %i', async (status) => {
    server.failNext(1, { status });
    const error = await new AgentRuns(createAgent({ model, tools: [] })).ask('hi').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ failure: 'model', mayRunAgain: true, cause: { status } });
  });

  it('tells apart an HTTP error of a tool', async () => {
    const node: Node = async () => {
      throw Object.assign(new Error('gone'), { status: 503 });
    };
    const error = await new AgentRuns(line({ node }).compile()).ask('hi').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ failure: 'graph' });
  });

  it('keeps to the recursion limit, and to the graph’s own', async () => {
    let steps = 0;
    const graph = new StateGraph(MessagesAnnotation)
      .addNode('again', async () => {
        steps += 1;
        return {};
      })
      .addEdge(START, 'again')
      .addEdge('again', 'again')
      .compile();
    const error = await new AgentRuns(graph.withConfig({ recursionLimit: 4 }))
      .ask('hi')
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ failure: 'recursion' });
    expect(steps).toBe(4);
  });

  it('comes at once with a cancel, and closes the model’s connection', async () => {
    const gate = server.gated();
    const runs = new AgentRuns(line({ talk }).compile());
    const running = runs.events({ messages: [{ role: 'user', content: 'hi' }] });
    const first = running.next();
    await gate.say('one');
    expect((await first).value).toMatchObject({ type: 'message_start' });
    expect((await running.next()).value).toMatchObject({ type: 'text' });
    const after = running.next();
    runs.cancel(new Error('cancelled'));
    await expect(after).rejects.toThrow('cancelled');
    expect((await (await gate.request).ended).by).toBe('client');
  });

  it('comes after the step in hand when the worker is about to stop', async () => {
    const runs = new AgentRuns(
      line({
        first: async () => {
          runs.drain(new Error('stopping'));
          return { messages: [new AIMessage('kept')] };
        },
        second: talk,
      }).compile(),
    );
    const asked = server.requests.length;
    await expect(runs.ask('hi')).rejects.toThrow('stopping');
    expect(server.requests).toHaveLength(asked);
    const { events } = await new AgentRuns(
      line({ only: async () => ({ messages: [new HumanMessage('x')] }) }).compile(),
    ).ask('hi');
    expect(events).toEqual([]);
  });

  it('counts silence only while a model is called', async () => {
    callsTools('find');
    const runs = new AgentRuns(react([find]));
    await runs.ask('hi');
    expect(runs.activity).toEqual(['idle', ...['called', 'content', 'idle'], ...['called', 'content', 'idle']]);
  });
});
