import { WorkflowChatTransport } from '@ai-sdk/workflow/client';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { ModelStep } from '@millrace/simulated-model';
import { eventually } from '@millrace/testing';
import { type Ai, breakingFetch, chatOf, type Message, shown, textOf, VERSIONS } from './ai-sdk-chat.ts';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start({
    env: { MILLRACE_GRAPHS: 'tests/e2e/mailing-agent/langgraph.json', OPENAI_API_KEY: 'simulated' },
  });
});
afterAll(() => system[Symbol.asyncDispose]());

const WEATHER = [{ name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } }];

function transport(ai: Ai, options: ConstructorParameters<Ai['DefaultChatTransport']>[0] = {}, at = system.url) {
  return new ai.DefaultChatTransport<Message>({ api: `${at}/api/chat`, ...options });
}

/** What the model was asked last, without the system prompt. */
function lastQuestion(): string[] {
  const messages = system.model.requests.at(-1)?.body.messages as { role: string; content: unknown }[];
  return messages.filter(({ role }) => role !== 'system').map(({ role, content }) => `${role} ${String(content)}`);
}

const stop = (id: string) => fetch(`${system.url}/api/chat/${id}/stop`, { method: 'POST' });

describe.each(VERSIONS)('useChat of %s', (name, ai) => {
  const idOf = (what: string) => `${name} ${what}`;
  const said = (messages: readonly Message[]) => structuredClone(messages) as Message[];
  type Chat = ReturnType<typeof chatOf>;
  type Options = Parameters<typeof transport>[1];
  /** The chat that resumes. Version 5 adds a replay to what it has, so its page is loaded again. */
  const continued = (chat: Chat, options: Options = {}): Chat =>
    name === 'ai 5'
      ? chatOf(ai, { id: chat.id, messages: said(chat.messages.slice(0, 1)), transport: transport(ai, options) })
      : chat;

  it('asks, and goes on with the conversation', async () => {
    const id = idOf('talks');
    const chat = chatOf(ai, { id, transport: transport(ai) });
    system.model.answer([{ reasoning: 'hm' }, 'Hel', 'lo'], {
      to: `${id} one`,
      usage: { inputTokens: 2, outputTokens: 3 },
    });
    await chat.sendMessage({ text: `${id} one` });
    expect([chat.status, chat.error]).toEqual(['ready', undefined]);
    expect(chat.lastMessage).toMatchObject({
      role: 'assistant',
      metadata: { usage: { totalTokens: 5 } },
      parts: [
        { type: 'step-start' },
        { type: 'reasoning', text: 'hm', state: 'done' },
        { type: 'text', text: 'Hello', state: 'done' },
      ],
    });
    system.model.answer(['again'], { to: `${id} two` });
    await chat.sendMessage({ text: `${id} two` });
    expect(shown(chat)).toEqual([`user ${id} one`, 'assistant Hello', `user ${id} two`, 'assistant again']);
    expect(lastQuestion()).toEqual([`user ${id} one`, 'assistant Hello', `user ${id} two`]);
  });

  it('is resumed midway after a reload, on any node', async () => {
    const id = idOf('reloads').replaceAll(' ', '-');
    const gate = system.model.gated({ to: id });
    const chat = chatOf(ai, { id, transport: transport(ai, {}, system.node(0)) });
    const asking = chat.sendMessage({ text: id });
    await gate.say('half');
    await eventually(() => textOf(chat.lastMessage) === 'half');
    const reloaded = chatOf(ai, {
      id,
      messages: said(chat.messages.slice(0, 1)),
      transport: transport(ai, {}, system.node(1)),
    });
    const resuming = reloaded.resumeStream();
    await eventually(() => textOf(reloaded.lastMessage) === 'half');
    await gate.say(' and half');
    await gate.finish();
    await Promise.all([asking, resuming]);
    expect(shown(reloaded)).toEqual([`user ${id}`, 'assistant half and half']);
    expect(reloaded.lastMessage?.id).toBe(chat.lastMessage?.id);
    await reloaded.resumeStream();
    expect([reloaded.status, shown(reloaded)]).toEqual(['ready', [`user ${id}`, 'assistant half and half']]);
  });

  it('is stopped: the model stops, and nothing is resumed', async () => {
    const id = idOf('stops').replaceAll(' ', '-');
    const gate = system.model.gated({ to: id });
    const chat = chatOf(ai, { id, transport: transport(ai) });
    const asking = chat.sendMessage({ text: id });
    await gate.say('half');
    await eventually(() => textOf(chat.lastMessage) === 'half');
    const watching = chatOf(ai, { id, messages: said(chat.messages.slice(0, 1)), transport: transport(ai) });
    const resuming = watching.resumeStream();
    await eventually(() => textOf(watching.lastMessage) === 'half');
    // the client alone stops nothing
    await chat.stop();
    await asking;
    expect(await gate.say(' more')).toBe(true);
    const answer = await stop(id);
    expect(await answer.json()).toEqual({ cancelled: [watching.lastMessage?.id] });
    expect((await (await gate.request).ended).by).toBe('client');
    await resuming;
    expect(watching.status).toBe('ready');
    expect(textOf(watching.lastMessage)).toMatch(/^half( more)?$/);
    await chat.resumeStream();
    expect(chat.status).toBe('ready');
  });

  it('runs the tools of the client, in one message', async () => {
    const id = idOf('uses tools');
    const chat = chatOf(ai, {
      ...{ id, transport: transport(ai, { body: { tools: WEATHER } }) },
      sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithToolCalls,
      onToolCall: ({ toolCall }) => {
        void chat.addToolOutput({
          tool: toolCall.toolName as never,
          toolCallId: toolCall.toolCallId,
          output: { sun: 1 } as never,
        });
      },
    });
    const call: ModelStep = { toolCall: { id: 'w1', name: 'weather', arguments: '{"city":"Oslo"}' } };
    system.model.answer(({ body }) => (body.messages?.at(-1)?.role === 'tool' ? ['Sunny.'] : ['I look. ', call]), {
      to: id,
    });
    await chat.sendMessage({ text: id });
    await eventually(() => textOf(chat.lastMessage) === 'I look. Sunny.' && chat.status === 'ready');
    expect(chat.messages).toHaveLength(2);
    expect(chat.lastMessage?.parts.filter(({ type }) => type.startsWith('tool-'))).toMatchObject([
      {
        type: 'tool-weather',
        toolCallId: 'w1',
        state: 'output-available',
        input: { city: 'Oslo' },
        output: { sun: 1 },
      },
    ]);
    expect(system.model.requests.at(-1)?.body.messages?.slice(-2)).toMatchObject([
      { role: 'assistant', content: 'I look. ', tool_calls: [{ id: 'w1' }] },
      { role: 'tool', tool_call_id: 'w1', content: '{"sun":1}' },
    ]);
  });

  it('asks again, and edits, as if the answer had never been', async () => {
    const id = idOf('regenerates').replaceAll(' ', '-');
    const chat = chatOf(ai, { id, transport: transport(ai) });
    system.model.answer(['one'], { to: /regenerates/ });
    await chat.sendMessage({ text: id });
    system.model.answer(['two'], { to: /regenerates/ });
    await chat.regenerate();
    expect(shown(chat)).toEqual([`user ${id}`, 'assistant two']);
    expect(lastQuestion()).toEqual([`user ${id}`]);
    system.model.answer(['three'], { to: /edited/ });
    await chat.sendMessage({ text: `${id} edited`, messageId: chat.messages[0]?.id as string });
    expect(shown(chat)).toEqual([`user ${id} edited`, 'assistant three']);
    const kept = await eventually(async () => {
      const thread = (await (await fetch(`${system.url}/threads/${id}`)).json()) as { activeJob: string | null };
      if (thread.activeJob !== null) return undefined;
      return (await (await fetch(`${system.url}/threads/${id}/messages`)).json()) as { items: { content: string }[] };
    });
    expect(kept.items.map(({ content }) => content)).toEqual([`${id} edited`, 'three']);
  });

  it('shows what went wrong, before and midway', async () => {
    const id = idOf('fails');
    const refused = chatOf(ai, { id, transport: transport(ai, { body: { model: 'nobody:knows' } }) });
    await refused.sendMessage({ text: id });
    expect(refused.status).toBe('error');
    expect(refused.error?.message).toMatch(/^Allowed models: .*\n\/model: /);
    const gate = system.model.gated({ to: id });
    const chat = chatOf(ai, { id, transport: transport(ai) });
    const asking = chat.sendMessage({ text: id });
    await gate.say('half');
    await eventually(() => textOf(chat.lastMessage) === 'half');
    void gate.step({ reset: true });
    await asking;
    expect(chat.status).toBe('error');
    expect(chat.error?.message).toMatch(/model/i);
  });

  it('resumes an answer whose connection broke', async () => {
    const id = idOf('breaks').replaceAll(' ', '-');
    const gate = system.model.gated({ to: id });
    const { fetch: broken } = breakingFetch(4);
    const chat = chatOf(ai, { id, transport: transport(ai, { fetch: broken }) });
    const asking = chat.sendMessage({ text: id });
    await gate.say('half');
    await eventually(() => textOf(chat.lastMessage) === 'half');
    await gate.say(' lost');
    await asking;
    expect(chat.status).toBe('error');
    const again = continued(chat);
    const resuming = again.resumeStream();
    await eventually(() => textOf(again.lastMessage) === 'half lost');
    await gate.finish();
    await resuming;
    expect([again.status, shown(again)]).toEqual(['ready', [`user ${id}`, 'assistant half lost']]);
  });

  it('gets an answer whole that ended while its connection was broken, if it asks for it', async () => {
    const id = idOf('misses').replaceAll(' ', '-');
    system.model.answer(['all ', 'of ', 'it'], { to: id });
    const { fetch: broken } = breakingFetch(5);
    const prepareReconnectToStreamRequest = ({ api = '' }) => ({ api: `${api}/${id}/stream?startIndex=0` });
    const chat = chatOf(ai, { id, transport: transport(ai, { fetch: broken, prepareReconnectToStreamRequest }) });
    await chat.sendMessage({ text: id });
    expect(chat.status).toBe('error');
    await eventually(async () => (await fetch(`${system.url}/api/chat/${id}/stream`)).status === 204);
    const again = continued(chat, { prepareReconnectToStreamRequest });
    await again.resumeStream();
    expect([again.status, shown(again)]).toEqual(['ready', [`user ${id}`, 'assistant all of it']]);
  });
});

describe('a rolling restart', () => {
  it('never shows half an answer for a whole one', async () => {
    const [, ai] = VERSIONS.at(-1) as (typeof VERSIONS)[number];
    const gate = system.model.gated({ to: 'over a restart' });
    const chat = chatOf(ai, { id: 'restarted', transport: transport(ai) });
    const asking = chat.sendMessage({ text: 'over a restart' });
    await gate.say('half');
    await eventually(() => textOf(chat.lastMessage) === 'half');
    const restarting = (async () => {
      for (const api of [...system.apis]) await system.restart(api);
    })();
    await asking;
    expect(chat.status).toBe('error');
    await restarting;
    const resuming = chat.resumeStream();
    await gate.say(' and half');
    await eventually(() => textOf(chat.lastMessage) === 'half and half');
    await gate.finish();
    await resuming;
    expect([chat.status, shown(chat)]).toEqual(['ready', ['user over a restart', 'assistant half and half']]);
  });
});

describe('WorkflowChatTransport', () => {
  it('goes on at the chunk where its connection broke', async () => {
    jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const [, ai] = VERSIONS.at(-1) as (typeof VERSIONS)[number];
    const { fetch: broken, asked } = breakingFetch(5);
    const workflow = new WorkflowChatTransport({ api: `${system.url}/api/chat`, fetch: broken });
    const chat = chatOf(ai, { id: 'of-a-workflow', transport: workflow as never });
    const gate = system.model.gated({ to: 'a workflow' });
    const asking = chat.sendMessage({ text: 'a workflow' });
    await gate.say('one');
    await eventually(() => textOf(chat.lastMessage) === 'one');
    await gate.say(' two');
    await gate.say(' three');
    await gate.finish();
    await asking;
    expect([chat.status, shown(chat)]).toEqual(['ready', ['user a workflow', 'assistant one two three']]);
    expect(asked.map((url) => url.slice(system.url.length))).toEqual([
      '/api/chat',
      expect.stringMatching(/^\/api\/chat\/[\w-]+\/stream\?startIndex=5$/),
    ]);
  });

  it('ends with an answer that was stopped', async () => {
    const [, ai] = VERSIONS.at(-1) as (typeof VERSIONS)[number];
    const workflow = new WorkflowChatTransport({ api: `${system.url}/api/chat` });
    const chat = chatOf(ai, { transport: workflow as never });
    const gate = system.model.gated({ to: 'a stopped workflow' });
    const asking = chat.sendMessage({ text: 'a stopped workflow' });
    await gate.say('one');
    const runId = await eventually(() => chat.lastMessage?.role === 'assistant' && chat.lastMessage.id);
    await stop(String(runId));
    await asking;
    expect(chat.status).toBe('ready');
  });
});

describe('an agent', () => {
  const call = (id: string, to: string): ModelStep => ({
    toolCall: { id, name: 'mail', arguments: JSON.stringify({ to }) },
  });
  /** Mails until it has an answer to its calls. */
  function mailsTo(question: string, ...to: string[]): void {
    system.model.answer(
      ({ body }) => {
        const answered = body.messages?.filter(({ role }) => role === 'tool').length ?? 0;
        return answered >= to.length ? ['Done.'] : to.map((each, index) => call(`m${index}`, each));
      },
      { to: question },
    );
  }
  const partsOf = (message: Message | undefined, type: string) => message?.parts.filter((part) => part.type === type);

  it.each(VERSIONS.slice(1))('waits for the approval of its tools, in one message: %s', async (name, ai) => {
    const id = `${name} mails`;
    mailsTo(id, 'ann', 'bob');
    const chat = chatOf(ai, {
      ...{ id, transport: transport(ai, { body: { pipeline: 'mailing' } }) },
      sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithApprovalResponses,
    });
    await chat.sendMessage({ text: id });
    expect([chat.status, chat.error]).toEqual(['ready', undefined]);
    const asked = partsOf(chat.lastMessage, 'tool-mail') as { state: string; approval: { id: string } }[];
    expect(asked.map(({ state }) => state)).toEqual(['approval-requested', 'approval-requested']);
    expect(partsOf(chat.lastMessage, 'data-interrupt')).toHaveLength(1);
    for (const { approval } of asked) await chat.addToolApprovalResponse({ id: approval.id, approved: true });
    await eventually(() => textOf(chat.lastMessage) === 'Done.' && chat.status === 'ready');
    expect(chat.messages).toHaveLength(2);
    expect(partsOf(chat.lastMessage, 'tool-mail')).toMatchObject([
      { state: 'output-available', input: { to: 'ann' }, output: 'sent to ann' },
      { state: 'output-available', input: { to: 'bob' }, output: 'sent to bob' },
    ]);
    expect(partsOf(chat.lastMessage, 'data-progress')).toHaveLength(2);
  });

  it.each(VERSIONS.slice(1))('is told a refusal: %s', async (name, ai) => {
    const id = `${name} refuses`;
    mailsTo(id, 'eve');
    const chat = chatOf(ai, {
      ...{ id, transport: transport(ai, { body: { pipeline: 'mailing' } }) },
      sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithApprovalResponses,
    });
    await chat.sendMessage({ text: id });
    const [asked] = partsOf(chat.lastMessage, 'tool-mail') as { approval: { id: string } }[];
    await chat.addToolApprovalResponse({ id: asked?.approval.id ?? '', approved: false, reason: 'not to eve' });
    await eventually(() => textOf(chat.lastMessage) === 'Done.' && chat.status === 'ready');
    expect(JSON.stringify(system.model.requests.at(-1)?.body.messages)).toContain('not to eve');
  });

  it.each(VERSIONS)('keeps its own state: it gets what is new, and undoes its last turn: %s', async (name, ai) => {
    const id = `${name} remembers`.replaceAll(' ', '-');
    const body = { pipeline: 'mailing', approvals: name !== 'ai 5' };
    const chat = chatOf(ai, { id, transport: transport(ai, { body }) });
    for (const text of ['one', 'two']) {
      system.model.answer([`re ${text}`], { to: `${id} ${text}` });
      await chat.sendMessage({ text: `${id} ${text}` });
      expect(chat.error).toBeUndefined();
    }
    expect(lastQuestion()).toEqual([`user ${id} one`, 'assistant re one', `user ${id} two`]);
    system.model.answer(['better'], { to: `${id} two` });
    await chat.regenerate();
    expect(chat.error).toBeUndefined();
    expect(lastQuestion()).toEqual([`user ${id} one`, 'assistant re one', `user ${id} two`]);
    expect(shown(chat)).toEqual([`user ${id} one`, 'assistant re one', `user ${id} two`, 'assistant better']);
    // an earlier question cannot be asked again
    await chat.sendMessage({ text: 'changed', messageId: chat.messages[0]?.id as string });
    expect(chat.error?.message).toMatch(/only its last question/);
  });
});
