import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ModelRequest, ModelStep } from '@millrace/simulated-model';
import { eventually, type SseReader } from '@millrace/testing';
import { idOf, SystemHarness } from './system-harness.ts';

const EXAMPLES = ['tools', 'approval', 'supervisor', 'mcp', 'structured-output'];

let system: SystemHarness;
beforeAll(async () => {
  const files = EXAMPLES.map((name) => `examples/agents/${name}/langgraph.json`);
  system = await SystemHarness.start({ env: { MILLRACE_GRAPHS: files.join(','), OPENAI_API_KEY: 'simulated' } });
});
afterAll(() => system[Symbol.asyncDispose]());
afterEach(() => {
  system.model.answer(['not scripted']);
});

function call(id: string, name: string, args: object): ModelStep {
  return { toolCall: { id, name, arguments: JSON.stringify(args) } };
}

/** What the model was told of its tools' results since the last message of the user, in either protocol of OpenAI. */
function resultsIn({ body }: ModelRequest): unknown[] {
  const items = (body.messages ?? body.input) as {
    role?: string;
    type?: string;
    content?: unknown;
    output?: unknown;
  }[];
  const asked = items.findLastIndex(({ role }) => role === 'user');
  return items
    .slice(asked + 1)
    .filter(({ role, type }) => role === 'tool' || type === 'function_call_output')
    .map(({ content, output }) => content ?? output);
}

/** A model that answers by how many results it has been told since the question. */
function answerByResults(turns: Readonly<Record<number, ModelStep[]>>, to: string | RegExp): void {
  system.model.answer((request) => turns[resultsIn(request).length] ?? ['unexpected'], { to });
}

async function run(body: object): Promise<SseReader> {
  const stream = await system.ask(body);
  await stream.collect();
  return stream;
}

/** Events without what differs from run to run. */
function outline(stream: SseReader): string[] {
  return stream.events.map(({ event, data }) => {
    if (event === 'message') return `text ${data.text}`;
    if (event === 'tool_call') return `tool_call ${data.name} ${data.arguments}`;
    if (event === 'tool_result') return `tool_result ${data.name}${data.isError ? ' failed' : ''}`;
    if (event === 'message_start') return `message_start ${[...(data.namespace ?? []), data.node].join('/')}`;
    if (event === 'message_end' || event === 'done') return `${event} ${data.finishReason}`;
    return event;
  });
}

const whole = (events: string[]) => events.filter((event) => !/^tool_call_(start|delta)/.test(event));

async function get(path: string): Promise<Record<string, unknown>> {
  const answer = await fetch(`${system.url}${path}`);
  expect([path, answer.status]).toEqual([path, 200]);
  return (await answer.json()) as Record<string, unknown>;
}

describe('an agent with tools (examples/agents/tools)', () => {
  it('says its calls, their results and its answer in order', async () => {
    const turns = {
      0: [call('c1', 'find_order', { id: 'A-17' })],
      1: ['Oslo, ', 'then. ', call('c2', 'shipping_days', { city: 'Oslo' })],
      2: ['It takes 4 days.'],
    };
    answerByResults(turns, 'When does A-17 arrive?');
    await using stream = await run({ pipeline: 'tools', query: 'When does A-17 arrive?' });
    expect(whole(outline(stream)).filter((event) => !event.startsWith('text'))).toEqual([
      'accepted',
      'started',
      'message_start model_request',
      'tool_call find_order {"id":"A-17"}',
      'message_end tool_calls',
      'tool_result find_order',
      'message_start model_request',
      'tool_call shipping_days {"city":"Oslo"}',
      'message_end tool_calls',
      'tool_result shipping_days',
      'message_start model_request',
      'message_end stop',
      'done stop',
    ]);
    expect(stream.text()).toBe('Oslo, then. It takes 4 days.');
    const results = stream.events.filter(({ event }) => event === 'tool_result').map(({ data }) => data);
    expect(results).toMatchObject([{ callId: 'c1', content: expect.stringContaining('tent') }, { content: '4 days' }]);
    // summed over all calls of the model: four words in each prompt
    expect(stream.terminal()?.data.usage).toEqual({ inputTokens: 12, outputTokens: 3 });

    const job = await get(`/jobs/${idOf(stream)}?include=messages`);
    expect(job).toMatchObject({ status: 'completed', pipeline: 'tools', output: null, interrupts: [] });
    expect((job['messages'] as { role: string }[]).map(({ role }) => role)).toEqual([
      ...['assistant', 'tool', 'assistant', 'tool', 'assistant'],
    ]);
  });

  it('tells the model that a tool has failed, and goes on', async () => {
    answerByResults({ 0: [call('c1', 'find_order', { id: 'X' })], 1: ['No such order.'] }, 'Where is X?');
    await using stream = await run({ pipeline: 'tools', query: 'Where is X?' });
    const result = stream.events.find(({ event }) => event === 'tool_result')?.data;
    expect(result).toMatchObject({ callId: 'c1', isError: true, content: expect.stringContaining('no order X') });
    expect(stream.text()).toBe('No such order.');
  });

  it('remembers a thread over several messages, on either worker', async () => {
    const thread = { pipeline: 'tools', threadId: 'three-messages' };
    const jobs: string[] = [];
    for (const [index, query] of ['first', 'second', 'third'].entries()) {
      system.model.answer([`answer ${index}`], { to: query });
      await using stream = await run({ ...thread, query });
      expect(stream.events[0]?.data).toMatchObject({ threadId: 'three-messages' });
      expect(stream.text()).toBe(`answer ${index}`);
      jobs.push(idOf(stream));
    }
    const asked = JSON.stringify(system.model.requests.at(-1)?.body.input);
    expect(asked.match(/first|second|third|answer \d/g)).toEqual(['first', 'answer 0', 'second', 'answer 1', 'third']);

    expect(await get('/threads/three-messages')).toMatchObject({ status: 'idle', activeJob: null, interrupts: [] });
    const { items } = await get('/threads/three-messages/messages');
    expect((items as { role: string; content: string }[]).map(({ role, content }) => `${role} ${content}`)).toEqual([
      ...['user first', 'assistant answer 0', 'user second', 'assistant answer 1', 'user third', 'assistant answer 2'],
    ]);
    expect((items as { jobId: string }[]).map(({ jobId }) => jobId)).toEqual(jobs.flatMap((job) => [job, job]));

    const second = (items as { messageId: string }[])[2]?.messageId;
    const said = async (path: string, place: object) => {
      const { id } = (await (await post(place, {}, `/threads/${path}/fork`)).json()) as { id: string };
      const forked = (await get(`/threads/${id}/messages`))['items'] as { content: string }[];
      return [id, forked.map(({ content }) => content)] as const;
    };
    const [edited, kept] = await said('three-messages', { before: { messageId: second } });
    expect(kept).toEqual(['first', 'answer 0']);
    expect((await said('three-messages', { after: { jobId: jobs[1] } }))[1]).toHaveLength(4);
    expect((await said('three-messages', { before: { jobId: jobs[0] } }))[1]).toEqual([]);
    await using stream = await run({ ...thread, threadId: edited, query: 'third' });
    expect(stream.text()).toBe('answer 2');
    const asks = JSON.stringify(system.model.requests.at(-1)?.body.input);
    expect(asks.match(/first|second|third|answer \d/g)).toEqual(['first', 'answer 0', 'third']);
  });
});

describe('an agent that asks a person (examples/agents/approval)', () => {
  const body = (threadId: string, rest: object) => ({ pipeline: 'approval', threadId, ...rest });

  it('waits in its thread while its workers are replaced, then does what was approved', async () => {
    system.model.answer(['Dear ', 'Ann'], { to: 'Where is my parcel?' });
    await using asked = await run(body('mail-1', { query: 'Where is my parcel?' }));
    const [interrupt] = asked.events.filter(({ event }) => event === 'interrupt');
    expect(interrupt?.data).toMatchObject({
      node: 'review',
      value: { question: 'May this be sent?', draft: 'Dear Ann' },
    });
    expect(asked.terminal()).toMatchObject({ event: 'done', data: { finishReason: 'interrupt' } });
    expect(await get('/threads/mail-1')).toMatchObject({ status: 'interrupted', interrupts: [interrupt?.data] });
    expect(await get(`/jobs/${idOf(asked)}`)).toMatchObject({ status: 'completed', interrupts: [interrupt?.data] });

    for (const worker of [...system.workers]) await system.restart(worker);

    await using resumed = await run(body('mail-1', { resume: { approved: true } }));
    expect(resumed.text()).toBe('Sent.');
    expect(resumed.terminal()).toMatchObject({ event: 'done', data: { finishReason: 'stop' } });
    expect(await get('/threads/mail-1')).toMatchObject({ status: 'idle', interrupts: [] });

    const again = await post(body('mail-1', { resume: { approved: true } }));
    expect([again.status, await again.json()]).toMatchObject([409, { code: 'NOT_INTERRUPTED' }]);
  });

  it('does nothing when the person refuses, and takes what the person wrote instead', async () => {
    system.model.answer(['Dear Ann'], { to: /./ });
    await run(body('mail-2', { query: 'Please refund me.' }));
    await using refused = await run(body('mail-2', { resume: { approved: false } }));
    expect(refused.text()).toBe('Nothing was sent.');

    await using again = await run(body('mail-2', { query: 'Please!' }));
    const question = again.events.find(({ event }) => event === 'interrupt')?.data;
    await run(body('mail-2', { resume: { [question.interruptId]: { approved: true, text: 'Done.' } } }));
    const { values } = (await get('/threads/mail-2/state')) as { values: { messages: { content: string }[] } };
    expect(values.messages.map(({ content }) => content).slice(-3)).toEqual(['Please!', 'Done.', 'Sent.']);
  });

  it('gives the answer of one of two people', async () => {
    system.model.answer(['Dear Ann'], { to: /./ });
    await run(body('mail-3', { query: 'Hello?' }));
    const answers = await Promise.all([1, 2].map(() => post(body('mail-3', { resume: { approved: true } }))));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202, 409]));
  });

  it('is told the answer at once: no answer comes too early for its thread', async () => {
    system.model.answer(['Dear Ann'], { to: /./ });
    const threads = Array.from({ length: 20 }, (_, nth) => `prompt-${nth}`);
    const ends = await Promise.all(
      threads.map(async (threadId) => {
        await run(body(threadId, { query: 'Hello?' }));
        const { status } = await get(`/threads/${threadId}`);
        const resumed = await run(body(threadId, { resume: { approved: true } }));
        return [status, resumed.text(), (await get(`/threads/${threadId}`))['status']];
      }),
    );
    expect(ends).toEqual(threads.map(() => ['interrupted', 'Sent.', 'idle']));
  });

  it('takes an answer only in a thread that exists', async () => {
    const answer = await post(body('nowhere', { resume: { approved: true } }));
    expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'THREAD_NOT_FOUND' }]);
  });
});

describe('an agent of several graphs (examples/agents/supervisor)', () => {
  it('keeps apart what its experts say side by side', async () => {
    system.model.answer(['weather, sights'], { to: /Which experts/ });
    answerByResults({ 0: [call('w1', 'climate', { city: 'Rome', month: 'May' })], 1: ['Mild.'] }, 'Rome in May');
    system.model.answer(['Ten.'], { to: /ten sights/ }).answer(['Three.'], { to: /three best/ });
    system.model.answer(['The plan.'], { to: /travel plan/ });
    await using stream = await run({ pipeline: 'supervisor', query: 'Rome in May', streamModes: ['updates'] });

    const said = new Map<string, { place: string; text: string }>();
    let latest = '';
    for (const { event, data } of stream.events) {
      if (event === 'message_start') {
        latest = data.messageId;
        said.set(latest, { place: [...(data.namespace ?? []), data.node].join('/'), text: '' });
      }
      const message = said.get(data.messageId ?? latest);
      if (event === 'message' && message !== undefined) message.text += data.text;
    }
    const inOrderOf = (prefix: string) => [...said.values()].filter(({ place }) => place.startsWith(prefix));
    expect([...said.values()][0]).toEqual({ place: 'supervisor', text: 'weather, sights' });
    expect(inOrderOf('weather')).toEqual([
      { place: 'weather/model_request', text: '' },
      { place: 'weather/model_request', text: 'Mild.' },
    ]);
    expect(inOrderOf('sights')).toEqual([
      { place: 'sights/collect', text: 'Ten.' },
      { place: 'sights/choose', text: 'Three.' },
    ]);
    expect([...said.values()].at(-1)).toEqual({ place: 'editor', text: 'The plan.' });
    const steps = stream.events.filter(({ event, data }) => event === 'state' && data.namespace === undefined);
    expect(new Set(steps.map(({ data }) => data.node))).toEqual(new Set(['supervisor', 'weather', 'sights', 'editor']));
    expect(stream.terminal()).toMatchObject({ event: 'done', data: { finishReason: 'stop' } });
  });
});

describe('an agent with structured output (examples/agents/structured-output)', () => {
  it('gives it in the job', async () => {
    const contact = { name: 'Ann Berg', city: 'Oslo', phone: null };
    system.model.answer([JSON.stringify(contact)], { to: 'Ann Berg moved to Oslo.' });
    const answer = await post(
      { pipeline: 'structured-output', query: 'Ann Berg moved to Oslo.' },
      { prefer: 'wait=60' },
    );
    expect([answer.status, await answer.json()]).toMatchObject([200, { status: 'completed', output: contact }]);
  });
});

describe('an agent with an MCP server (examples/agents/mcp)', () => {
  it('runs its tools', async () => {
    answerByResults({ 0: [call('n1', 'add_note', { text: 'milk' })], 1: ['Kept.'] }, 'Note milk');
    await using stream = await run({ pipeline: 'mcp', query: 'Note milk' });
    const result = stream.events.find(({ event }) => event === 'tool_result')?.data;
    expect(result).toMatchObject({ name: 'add_note', isError: false, content: expect.stringContaining('is kept') });
    expect(stream.text()).toBe('Kept.');
  });

  const onLinux = process.platform === 'linux' ? it : it.skip;
  onLinux(
    'has one server per worker, however many jobs it runs, which ends with the worker',
    async () => {
      answerByResults({ 0: [call('n1', 'read_notes', {})], 1: ['Read.'] }, 'Read the notes');
      const before = await Promise.all(system.workers.map(({ pid }) => serversOf(pid)));
      expect(before.map(({ length }) => length)).toEqual([1, 1]);
      for (let round = 0; round < 10; round += 1) {
        const body = { pipeline: 'mcp', query: 'Read the notes' };
        const streams = await Promise.all(Array.from({ length: 20 }, () => run(body)));
        expect(new Set(streams.map((stream) => stream.text()))).toEqual(new Set(['Read.']));
      }
      expect(await Promise.all(system.workers.map(({ pid }) => serversOf(pid)))).toEqual(before);

      const [worker] = system.workers;
      if (worker === undefined) throw new Error('the system has a worker');
      await system.restart(worker);
      await eventually(async () => !(await isRunning(before[0]?.[0] ?? 0)));
    },
    240_000,
  );
});

describe('GET /pipelines', () => {
  it('lists the agents with their descriptions and schemas', async () => {
    const { items } = (await get('/pipelines')) as { items: { name: string; kind: string; description?: string }[] };
    const agents = items.filter(({ kind }) => kind === 'agent');
    expect(new Set(agents.map(({ name }) => name))).toEqual(new Set(EXAMPLES));
    const tools = agents.find(({ name }) => name === 'tools');
    expect(tools).toMatchObject({ description: 'Answers questions about orders with two tools.' });
    expect(tools).toHaveProperty('inputSchema.properties.messages');
  });
});

function post(body: object, headers: Record<string, string> = {}, path = '/jobs'): Promise<Response> {
  return fetch(`${system.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** The MCP servers of a worker. */
async function serversOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const pids = children.split(' ').filter(Boolean).map(Number);
  const commands = await Promise.all(pids.map((child) => readFile(`/proc/${child}/cmdline`, 'utf8')));
  return pids.filter((_, index) => commands[index]?.includes('mcp/server.ts'));
}

async function isRunning(pid: number): Promise<boolean> {
  return readFile(`/proc/${pid}/stat`, 'utf8').then(
    () => true,
    () => false,
  );
}
