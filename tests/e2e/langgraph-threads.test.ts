import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, type ThreadStream } from '@langchain/langgraph-sdk';
import type { ModelRequest, ModelStep } from '@millrace/simulated-model';
import { eventually } from '@millrace/testing';
import { Client as Client11 } from 'langgraph-sdk-1-11';
import { breakingFetch } from './ai-sdk-chat.ts';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  const agents = ['tests/e2e/mailing-agent', 'tests/e2e/looking-agent', 'examples/agents/supervisor'];
  const graphs = agents.map((agent) => `${agent}/langgraph.json`).join(',');
  system = await SystemHarness.start({ env: { MILLRACE_GRAPHS: graphs, OPENAI_API_KEY: 'simulated' } });
});
afterAll(() => system[Symbol.asyncDispose]());

const CLIENTS: readonly [name: string, client: typeof Client][] = [
  ['langgraph-sdk 1.15', Client],
  ['langgraph-sdk 1.11', Client11 as unknown as typeof Client],
];

const asks = (content: string, id: string = crypto.randomUUID()) => ({
  input: { messages: [{ type: 'human', content, id }] },
});
const call = (id: string, name: string, args: object): ModelStep => ({
  toolCall: { id, name, arguments: JSON.stringify(args) },
});

/** How many results the model has been told since the question. */
function resultsIn({ body }: ModelRequest): number {
  const items = (body.messages ?? body.input) as { role?: string; type?: string }[];
  const asked = items.findLastIndex(({ role }) => role === 'user');
  return items.slice(asked).filter(({ role, type }) => role === 'tool' || type === 'function_call_output').length;
}

interface Said {
  readonly id: string;
  readonly text: string;
  readonly reasoning: string;
  readonly total: number | undefined;
}

/** Reads all messages of the run that is on, to its end. */
async function saidIn(thread: ThreadStream): Promise<Said[]> {
  const said: Promise<Said>[] = [];
  for await (const message of thread.messages) {
    const { id, text, reasoning, usage } = message;
    const whole = Promise.all([text, reasoning, usage]) as Promise<
      [string, string, { total_tokens?: number } | undefined]
    >;
    said.push(
      whole.then(([words, thoughts, tokens]) => ({
        id: id ?? '',
        text: words,
        reasoning: thoughts,
        total: tokens?.total_tokens,
      })),
    );
  }
  return Promise.all(said);
}

interface State {
  readonly messages: readonly { readonly id?: string; readonly type: string; readonly text: string }[];
}

/** What the state has: who says what. */
const shown = ({ messages }: State) => messages.map(({ type, text }) => `${type} ${text}`);

interface LifecycleEvent {
  readonly params: {
    readonly namespace: readonly string[];
    readonly data: { readonly event: string; readonly error?: string };
  };
}

describe.each(CLIENTS)('client.threads.stream of %s', (name, Sdk) => {
  const idOf = (what: string) => `${name} ${what}`;
  const open = (assistantId: string, { id = crypto.randomUUID(), at = system.url, ...options } = {}) =>
    new Sdk({ apiUrl: `${at}/langgraph`, apiKey: 'none' }).threads.stream(id, {
      assistantId,
      ...options,
    }) as ThreadStream;

  it('gives text, reasoning and usage, and goes on with the conversation', async () => {
    const id = crypto.randomUUID();
    const [one, two] = [idOf('one'), idOf('two')];
    system.model.answer([{ reasoning: 'hm' }, 'Hel', 'lo'], { to: one, usage: { inputTokens: 2, outputTokens: 3 } });
    const first = open('chat', { id });
    const reading = saidIn(first);
    await first.run.start(asks(one, 'first-question'));
    const said = await reading;
    expect(said).toMatchObject([{ text: 'Hello', reasoning: 'hm', total: 5 }]);
    const state = (await first.output) as State;
    expect(shown(state)).toEqual([`human ${one}`, 'ai Hello']);
    expect(state.messages.map((message) => message.id)).toEqual(['first-question', said[0]?.id]);
    await first.close();
    system.model.answer(['again'], { to: two });
    const second = open('chat', { id });
    const rereading = saidIn(second);
    await second.run.start(asks(two));
    expect(await rereading).toMatchObject([{ text: 'again' }]);
    await second.close();
    const asked = system.model.requests.at(-1)?.body.messages as { role: string; content: string }[];
    expect(asked.filter(({ role }) => role !== 'system').map(({ content }) => content)).toEqual([one, 'Hello', two]);
  });

  it('gives calls of tools, their results, and the state with the same messages', async () => {
    const what = idOf('looks');
    system.model.answer(
      (request) => (resultsIn(request) === 0 ? ['I look. ', call('l1', 'look', { at: 'it' })] : ['So.']),
      {
        to: what,
      },
    );
    const thread = open('looking');
    const reading = saidIn(thread);
    const calls = (async () => {
      // the client gives a call when it begins, and again when it has ended
      const all = new Map<string, unknown>();
      for await (const { name: tool, callId, args, output } of thread.toolCalls)
        all.set(callId, [tool, args, await output]);
      return [...all];
    })();
    await thread.run.start(asks(what, 'the-question'));
    const said = await reading;
    expect(said.map(({ text }) => text)).toEqual(['I look. ', 'So.']);
    expect(await calls).toEqual([['l1', ['look', { at: 'it' }, 'seen it']]]);
    const state = (await thread.output) as State;
    expect(shown(state)).toEqual([`human ${what}`, 'ai I look. ', 'tool seen it', 'ai So.']);
    const ids = state.messages.map(({ id }) => id);
    expect([ids[0], ids[1], ids[3]]).toEqual(['the-question', ...said.map(({ id }) => id)]);
    await thread.close();
  });

  it('finds subgraphs, with what is said in them', async () => {
    const what = idOf('Rome');
    system.model
      .answer(['weather, sights'], { to: /Which experts/ })
      .answer(
        (request) => (resultsIn(request) === 0 ? [call('w1', 'climate', { city: 'Rome', month: 'May' })] : ['Mild.']),
        { to: what },
      )
      .answer(['Ten.'], { to: /ten sights/ })
      .answer(['Three.'], { to: /three best/ })
      .answer(['The plan.'], { to: /travel plan/ });
    const thread = open('supervisor');
    const subscribed = thread.subscribe({ channels: ['messages', 'lifecycle'], namespaces: [['sights']] });
    const graphs: string[] = [];
    const finding = (async () => {
      for await (const { name: graph } of thread.subgraphs) graphs.push(graph);
    })();
    await thread.run.start(asks(what));
    await thread.output;
    await finding;
    expect(new Set(graphs)).toEqual(new Set(['sights', 'weather']));
    let text = '';
    for await (const { params } of await subscribed) {
      const { data } = params as { data: { event: string; delta?: { text: string } } };
      text += data.delta?.text ?? '';
      if (data.event === 'completed') break;
    }
    expect(text).toBe('Ten.Three.');
    await thread.close();
  });

  it('asks a person, and goes on with the answer, on another node', async () => {
    const [id, what] = [crypto.randomUUID(), idOf('mails')];
    system.model.answer((request) => (resultsIn(request) === 0 ? [call('m1', 'mail', { to: 'Ann' })] : ['Sent.']), {
      to: what,
    });
    const thread = open('mailing', { id, at: system.node(0) });
    await thread.run.start(asks(what));
    await thread.output;
    expect(thread.interrupted).toBe(true);
    const [question] = thread.interrupts;
    expect(question?.payload).toMatchObject({ actionRequests: [{ name: 'mail', args: { to: 'Ann' } }] });
    await thread.close();

    const answering = open('mailing', { id, at: system.node(1) });
    const wrong = answering.input.respond({ namespace: [], interrupt_id: 'another', response: 1 });
    await expect(wrong).rejects.toMatchObject({ code: 'no_such_interrupt' });
    const interrupt_id = question?.interruptId ?? '';
    await answering.input.respond({ namespace: [], interrupt_id, response: { decisions: [{ type: 'approve' }] } });
    await eventually(async () => (await statusOf(id)) === 'idle');
    expect(shown((await lastState(answering)) as State).slice(-2)).toEqual(['tool sent to Ann', 'ai Sent.']);
    const again = answering.input.respond({ namespace: [], interrupt_id, response: 1 });
    await expect(again).rejects.toMatchObject({ code: 'no_such_interrupt' });
    await answering.close();
  });

  it('tells what is wrong before a run and in one', async () => {
    const thread = open('nobody');
    await expect(thread.run.start(asks('hi'))).rejects.toMatchObject({ code: 'invalid_argument' });
    await thread.close();
    const what = idOf('fails');
    const gate = system.model.gated({ to: what });
    const failing = open('chat');
    const events = await failing.subscribe(['lifecycle', 'messages']);
    const reading = saidIn(failing);
    await failing.run.start(asks(what));
    await gate.say('half');
    const seen: unknown[] = [];
    for await (const event of events) {
      const { data } = (event as LifecycleEvent).params;
      if (data.event === 'content-block-delta') void gate.step({ reset: true });
      if (event.method === 'messages') continue;
      seen.push(data);
      if (data.event !== 'running') break;
    }
    expect(seen).toEqual([{ event: 'running' }, { event: 'failed', error: expect.any(String) }]);
    expect(await reading).toMatchObject([{ text: 'half' }]);
    await failing.close();
  });

  it('goes on after its connection broke, without gap or repeat, on another node', async () => {
    const [id, what] = [crypto.randomUUID(), idOf('breaks')];
    const gate = system.model.gated({ to: what });
    const { fetch: breaking, asked } = breakingFetch(4);
    const isOfEvents = (input: Parameters<typeof fetch>[0]) => String(input).endsWith('/stream/events');
    const broken: typeof fetch = (input, init) => (isOfEvents(input) ? breaking : fetch)(input, init);
    const thread = open('chat', { id, fetch: broken, reconnectDelayMs: () => 10 } as object);
    const watching = open('chat', { id, at: system.node(1) });
    const reading = saidIn(thread);
    await thread.run.start(asks(what));
    const watched = saidIn(watching);
    let text = '';
    for (const word of ['one', ' two', ' three', ' four', ' five']) {
      await gate.say(word);
      text += word;
    }
    await gate.finish();
    expect((await reading).map((said) => said.text)).toEqual([text]);
    expect((await watched).map((said) => said.text)).toEqual([text]);
    expect(asked.length).toBeGreaterThan(1);
    await Promise.all([thread.close(), watching.close()]);
  });

  it('goes on through a restart of every node, without gap or repeat', async () => {
    const [id, what] = [crypto.randomUUID(), idOf('restarts')];
    const gate = system.model.gated({ to: what });
    const thread = open('chat', { id, reconnectDelayMs: () => 50 } as object);
    const reading = saidIn(thread);
    await thread.run.start(asks(what));
    await gate.say('before');
    for (const api of [...system.apis]) {
      await system.restart(api);
      await gate.say(', on');
    }
    await gate.finish();
    expect((await reading).map((said) => said.text)).toEqual(['before, on, on']);
    await thread.close();
  });

  it('ends with a run that is cancelled, and the model stops', async () => {
    const [id, what] = [crypto.randomUUID(), idOf('stops')];
    const gate = system.model.gated({ to: what });
    const thread = open('chat', { id });
    const reading = saidIn(thread);
    const { run_id: runId } = await thread.run.start(asks(what));
    await gate.say('half');
    await eventually(async () => (await system.job(runId as string))['text'] === 'half');
    await new Sdk({ apiUrl: `${system.url}/langgraph`, apiKey: 'none' }).runs.cancel(id, runId as string);
    expect((await (await gate.request).ended).by).toBe('client');
    expect((await reading).map((said) => said.text)).toEqual(['half']);
    expect(thread.interrupted).toBe(true);
    await thread.close();
  });
});

async function statusOf(threadId: string): Promise<string> {
  return ((await (await fetch(`${system.url}/threads/${threadId}`)).json()) as { status: string }).status;
}

/** The last state of the run that is on, or was last. */
async function lastState(thread: ThreadStream): Promise<unknown> {
  let values: unknown;
  for await (const event of await thread.subscribe(['values', 'lifecycle'])) {
    const { method, params } = event as { method: string; params: LifecycleEvent['params'] };
    if (method === 'values' && params.namespace.length === 0) values = params.data;
    if (method === 'lifecycle' && params.namespace.length === 0 && params.data.event !== 'running') break;
  }
  const { messages } = values as { messages: { type: string; content: unknown }[] };
  return { messages: messages.map(({ type, content }) => ({ type, text: String(content) })) };
}
