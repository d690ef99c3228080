import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Millrace } from '@millrace/client';
import {
  type AssistantMessage,
  type ConversationOptions,
  createConversation,
  createThreadList,
  type ThreadListSnapshot,
  type ThreadListStore,
} from '@millrace/client/conversation';
import { SystemHarness } from './system-harness.ts';
import { ConversationViewer, Viewer } from './viewer.ts';

let system: SystemHarness;
beforeAll(async () => {
  const env = { MILLRACE_GRAPHS: 'tests/e2e/asking-agent/langgraph.json', MILLRACE_MODELS: 'openai:gpt-4o-mini' };
  system = await SystemHarness.start({ env });
});
afterAll(() => system[Symbol.asyncDispose]());

let open: Disposable[] = [];
afterEach(() => {
  for (const viewer of open) viewer[Symbol.dispose]();
  open = [];
});

const clientAt = (baseUrl = system.url) => new Millrace({ baseUrl, retryMs: 20, maxRetryMs: 200 });

/** A device that shows a conversation. */
function device(options: ConversationOptions = {}, at?: string): ConversationViewer {
  const viewer = new ConversationViewer(createConversation(clientAt(at), options));
  open.push(viewer);
  return viewer;
}

const answers = (viewer: ConversationViewer) =>
  viewer.now.messages.filter((message): message is AssistantMessage => message.role === 'assistant');
const lines = (viewer: ConversationViewer) => ConversationViewer.lines(viewer.now);

describe('a conversation', () => {
  it('shows a question at once, then the answer as it is said, and the same on another device', async () => {
    const gate = system.model.gated({ to: 'Why is the sky blue?' });
    const phone = device();
    expect(phone.now).toMatchObject({ state: 'new', activity: 'idle', messages: [], title: null });
    const sent = phone.store.send('Why is the sky blue?');
    expect(phone.now).toMatchObject({ activity: 'sending', messages: [{ role: 'user', state: 'sending' }] });
    const [shown] = phone.now.messages;
    expect(await sent).toBe(true);
    await gate.say('Because ');
    await phone.untilLines('user Why is the sky blue?', 'assistant Because ');
    expect(phone.now).toMatchObject({ activity: 'running', connection: { state: 'connected' } });

    const laptop = device({ threadId: phone.now.threadId }, system.node(1));
    await laptop.untilLines('user Why is the sky blue?', 'assistant Because ');
    await gate.say('of the light.');
    for (const each of [phone, laptop]) {
      await each.untilLines('user Why is the sky blue?', 'assistant Because of the light.');
    }
    await gate.finish();
    for (const each of [phone, laptop]) {
      await each.untilSettled();
      expect(each.now).toMatchObject({ state: 'ready', problem: null, questions: [] });
      expect(answers(each)).toMatchObject([
        { status: 'completed', attempt: 1, pipeline: 'chat', usage: { outputTokens: 2 }, problem: null },
      ]);
      expect(answers(each)[0]?.timings?.queueMs).toBeGreaterThanOrEqual(0);
    }
    expect(phone.now.messages[0]?.id).toBe(shown?.id);
    const threadTitle = async () => (await clientAt().threads.resume(phone.now.threadId).get()).metadata['title'];
    expect([phone.now.title, await threadTitle()]).toEqual(Array(2).fill('Why is the sky blue?'));

    // what one device says, the other shows with its question
    system.model.answer(['Short waves.'], { to: 'And why?' });
    await laptop.store.send('And why?');
    for (const each of [phone, laptop]) {
      await each.until(() => lines(each).slice(2).join() === 'user And why?,assistant Short waves.');
    }
  });

  it('comes back from the server alone, with what runs', async () => {
    const gate = system.model.gated({ to: 'Tell me' });
    system.model.answer(['Hello.'], { to: 'Hi' });
    const before = device();
    await before.store.send('Hi');
    await before.untilSettled();
    await before.store.send('Tell me');
    await gate.say('Once ');
    await before.until(({ messages }) => messages.length === 4);
    before[Symbol.dispose]();

    const after = device({ threadId: before.now.threadId });
    expect(after.now.state).toBe('loading');
    await after.untilLines('user Hi', 'assistant Hello.', 'user Tell me', 'assistant Once ');
    expect(answers(after)[0]).toMatchObject({ status: 'completed', usage: { outputTokens: 1 } });
    expect(after.now).toMatchObject({ activity: 'running', title: 'Hi' });
    await gate.say('upon a time.');
    await gate.finish();
    await after.untilSettled();
    const [first] = after.now.messages;
    await after.store.reload();
    await after.untilLines('user Hi', 'assistant Hello.', 'user Tell me', 'assistant Once upon a time.');
    expect(after.now.messages[0]?.id).toBe(first?.id);
  });

  it('is drawn once for many tokens, and keeps what has not changed', async () => {
    const words = Array.from({ length: 400 }, (_, nth) => `w${nth} `);
    system.model.answer(['Hello.'], { to: 'Hi' }).answer(words, { to: 'Many' });
    const page = device();
    await page.store.send('Hi');
    await page.untilSettled();
    const [question, answer] = page.now.messages;
    page.seen.length = 0;
    await page.store.send('Many');
    await page.untilSettled();
    expect(lines(page)[3]).toBe(`assistant ${words.join('')}`);
    expect(page.seen.length).toBeLessThan(200);
    for (const { messages } of page.seen) expect([messages[0], messages[1]]).toEqual([question, answer]);
    expect(page.seen.every(({ messages }) => messages[0] === question && messages[1] === answer)).toBe(true);
  });

  it('is stopped, and keeps what was said', async () => {
    const gate = system.model.gated({ to: 'Count' });
    const page = device();
    await page.store.send('Count');
    await gate.say('1 2 ');
    await page.untilLines('user Count', 'assistant 1 2 ');
    expect(await page.store.stop()).toBe(true);
    await page.untilSettled();
    expect(answers(page)).toMatchObject([{ status: 'cancelled', cancelledBy: 'owner' }]);
    expect(lines(page)).toEqual(['user Count', 'assistant 1 2 ']);
    expect(await page.store.stop()).toBe(false);
  });

  it('shows what waits its turn, in order', async () => {
    const gate = system.model.gated({ to: 'slow' });
    system.model.answer(['Two.'], { to: 'second' });
    const page = device();
    await page.store.send('slow');
    await gate.say('One');
    await page.store.send('second');
    await page.untilLines('user slow', 'assistant One', 'user second', 'assistant ');
    expect(answers(page).map(({ status }) => status)).toEqual(['active', 'queued']);
    await gate.finish();
    await page.untilLines('user slow', 'assistant One', 'user second', 'assistant Two.');
    await page.untilSettled();
  });

  it('goes on in another thread when a question is edited, or an answer is to be given again', async () => {
    system.model.answer(['Hello.'], { to: 'Hi' }).answer(['Blue.'], { to: 'Colour?' }).answer(['4.'], { to: '2+2?' });
    const page = device();
    await page.store.send('Hi');
    await page.store.send('Colour?');
    await page.untilLines('user Hi', 'assistant Hello.', 'user Colour?', 'assistant Blue.');
    const { threadId, messages } = await page.untilSettled();
    expect(await page.store.edit(messages[2]?.id ?? '', '2+2?')).toBe(true);
    await page.untilLines('user Hi', 'assistant Hello.', 'user 2+2?', 'assistant 4.');
    await page.untilSettled();
    expect(page.now.threadId).not.toBe(threadId);
    expect(page.now.messages.slice(0, 2).every((message, nth) => message === messages[nth])).toBe(true);
    expect(page.now.title).toBe('Hi');

    system.model.answer(['Four.'], { to: '2+2?' });
    const fork = page.now.threadId;
    expect(await page.store.retry(page.now.messages[3]?.id ?? '')).toBe(true);
    await page.untilLines('user Hi', 'assistant Hello.', 'user 2+2?', 'assistant Four.');
    expect(page.now.threadId).not.toBe(fork);

    const old = device({ threadId });
    await old.untilLines('user Hi', 'assistant Hello.', 'user Colour?', 'assistant Blue.');
    const branch = await old.store.fork(old.now.messages[1]?.id ?? '');
    const branched = device({ threadId: branch ?? '' });
    await branched.untilLines('user Hi', 'assistant Hello.');
  });

  it('says what went wrong and what can be done, and tries again', async () => {
    const page = device();
    expect(await page.store.send('Hi', { model: 'openai:none' })).toBe(false);
    expect(page.now).toMatchObject({
      activity: 'idle',
      messages: [{ role: 'user', state: 'refused', problem: { code: 'MODEL_NOT_ALLOWED', remedy: 'choose' } }],
    });
    const [refused] = page.now.messages;
    system.model.answer(['Hello.'], { to: 'Hello' });
    expect(await page.store.edit(refused?.id ?? '', 'Hello', { model: 'openai:gpt-4o-mini' })).toBe(true);
    await page.untilLines('user Hello', 'assistant Hello.');
  });

  it('is gone when nobody has such a thread, and once it is erased', async () => {
    const none = device({ threadId: 'never-made', mustExist: true });
    await none.until(({ state }) => state === 'gone');
    system.model.answer(['Hello.'], { to: 'Hi' });
    const [phone, laptop] = [device(), device()];
    await phone.store.send('Hi');
    await phone.untilSettled();
    const other = device({ threadId: phone.now.threadId });
    await other.until(({ state }) => state === 'ready');
    expect(await phone.store.erase()).toBe(true);
    expect(phone.now).toMatchObject({ state: 'gone', messages: [] });
    await other.until(({ state }) => state === 'gone');
    expect(laptop.now.state).toBe('new');
  });

  it('loses nothing when a node is killed', async () => {
    const gate = system.model.gated({ to: 'Go on' });
    const page = device({}, system.node(0));
    await page.store.send('Go on');
    await gate.say('a');
    await page.untilLines('user Go on', 'assistant a');
    const [api] = system.apis;
    if (api === undefined) throw new Error('there is a node');
    const restarted = system.restart(api);
    await page.until(({ connection }) => connection.state === 'reconnecting');
    await gate.say('b');
    await restarted;
    await page.untilLines('user Go on', 'assistant ab');
    expect(page.now.connection).toEqual({ state: 'connected' });
    await gate.finish();
    await page.untilSettled();
  });
});

describe('a conversation with an agent', () => {
  it('shows its question on every device until somebody answers it', async () => {
    const phone = device({ job: { pipeline: 'asking' } });
    await phone.store.send('May I?');
    const asked = await phone.until(({ questions }) => questions.length > 0);
    expect(asked.questions).toMatchObject([{ value: { question: 'May I?' } }]);
    const laptop = device({ threadId: asked.threadId });
    await laptop.until(({ questions }) => questions.length > 0);
    await phone.untilSettled();
    expect(await laptop.store.resume('yes')).toBe(true);
    for (const each of [phone, laptop]) {
      await each.until(() => lines(each).at(-1) === 'assistant You said yes, of 1.');
      await each.untilSettled();
      expect(each.now.questions).toEqual([]);
    }
    expect(await phone.store.resume('again')).toBe(false);
    expect(phone.now.problem).toMatchObject({ code: 'NOT_INTERRUPTED', remedy: 'reload' });
    phone.store.dismiss();
    expect(phone.now.problem).toBeNull();

    const { messages } = phone.now;
    expect(await phone.store.edit(messages[0]?.id ?? '', 'May we?')).toBe(true);
    await phone.until(({ questions }) => JSON.stringify(questions).includes('May we?'));
  });
});

describe('the list of threads', () => {
  it('is read page by page, searched, renamed and shortened', async () => {
    const client = clientAt();
    for (let nth = 0; nth < 33; nth += 1) {
      await client.threads.create({ id: `listed-${nth}`, metadata: { title: `Listed ${nth}` } });
    }
    using list = new Viewer<ThreadListSnapshot, ThreadListStore>(createThreadList(client));
    await list.until(({ state, threads }) => state === 'ready' && threads.length === 30);
    expect(list.now.threads[0]?.id).toBe('listed-32');
    await list.store.loadMore();
    expect(list.now.threads.length).toBeGreaterThan(32);
    await list.store.search('listed 7');
    expect(list.now.threads.map(({ id }) => id)).toEqual(['listed-7']);
    expect(await list.store.rename('listed-7', 'Seven')).toBe(true);
    expect(list.now.threads[0]?.metadata).toEqual({ title: 'Seven' });
    expect(await list.store.erase('listed-7')).toBe(true);
    expect(list.now.threads).toEqual([]);
    expect(await list.store.erase('listed-7')).toBe(false);
    expect(list.now.problem).toMatchObject({ code: 'THREAD_NOT_FOUND' });
    await list.store.search(null);
    expect(list.now.threads).toHaveLength(30);
  });
});
