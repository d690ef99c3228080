import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Millrace, newRequestId } from '@millrace/client';
import {
  type AssistantMessage,
  type ConversationOptions,
  createConversation,
  createJobStore,
  createThreadList,
  type JobSnapshot,
  type JobStore,
  type ThreadListSnapshot,
  type ThreadListStore,
} from '@millrace/client/conversation';
import { eventually } from '@millrace/testing';
import { SystemHarness } from './system-harness.ts';
import { ConversationViewer, Viewer } from './viewer.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start({ processes: 1, env: { MILLRACE_MODELS: 'openai:gpt-4o-mini,openai:gpt-4o' } });
});
afterAll(() => system[Symbol.asyncDispose]());

let open: Disposable[] = [];
afterEach(() => {
  for (const viewer of open) viewer[Symbol.dispose]();
  open = [];
});

/** What lies between a page and the service: it refuses, and cuts what was let through. */
class Way {
  /** what is refused: a method and a path, such as `GET /threads/a/stream` */
  refuses = /^$/;
  status = 503;
  readonly seen: string[] = [];
  /** of streams */
  private open: AbortController[] = [];
  /** what is kept back, and whether on its way there, or back */
  private keeps = { what: /^$/, isAnswer: false };
  private kept: (() => void)[] = [];
  private busy = 0;
  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const asked = `${init.method} ${new URL(url).pathname}`;
    this.seen.push(asked);
    const { status } = this;
    if (this.refuses.test(asked)) return new Response(null, { status });
    if (this.keeps.what.test(asked)) return this.#keepBack(url, init);
    if (!asked.endsWith('/stream')) return fetch(url, init);
    const cut = new AbortController();
    this.open.push(cut);
    const signal = init.signal ? AbortSignal.any([init.signal, cut.signal]) : cut.signal;
    return fetch(url, { ...init, signal });
  };

  /** From now on refuses requests, and ends the streams that are open. */
  refuse(refuses: RegExp, status: number): void {
    Object.assign(this, { refuses, status });
    for (const cut of this.open.splice(0)) cut.abort();
  }

  /** From now on keeps back requests, or only the answers to them. */
  keep(what: RegExp, part: 'request' | 'answer'): void {
    this.keeps = { what, isAnswer: part === 'answer' };
  }

  letThrough(): void {
    this.refuses = /^$/;
    this.keeps = { what: /^$/, isAnswer: false };
    for (const go of this.kept.splice(0)) go();
  }

  get isKeeping(): boolean {
    return this.kept.length > 0;
  }

  /** Something that was kept back has not been answered yet. */
  get isBusy(): boolean {
    return this.busy > 0;
  }

  async #keepBack(url: string, init: RequestInit): Promise<Response> {
    this.busy += 1;
    try {
      const answer = this.keeps.isAnswer ? await fetch(url, init) : null;
      await new Promise<void>((resolve, reject) => {
        this.kept.push(resolve);
        init.signal?.addEventListener('abort', () => reject(init.signal?.reason));
      });
      return answer ?? (await fetch(url, init));
    } finally {
      this.busy -= 1;
    }
  }
}

const QUICK = { retryMs: 20, maxRetryMs: 100 };
function device(options: ConversationOptions = {}, way = new Way(), client: object = {}): ConversationViewer {
  const millrace = new Millrace({ baseUrl: system.url, fetch: way.fetch, ...QUICK, ...client });
  const viewer = new ConversationViewer(createConversation(millrace, options));
  open.push(viewer);
  return viewer;
}

const lines = (viewer: ConversationViewer) => ConversationViewer.lines(viewer.now);
const lastAnswer = ({ now }: ConversationViewer) =>
  now.messages.findLast((message): message is AssistantMessage => message.role === 'assistant');

describe('a conversation whose thread cannot be followed', () => {
  it.each([408, 429, 500, 503])('goes on after answers of %i, and shows no problem', async (status) => {
    const way = new Way();
    const gate = system.model.gated({ to: `Go on ${status}` });
    const page = device({}, way);
    await page.store.send(`Go on ${status}`);
    await gate.say('a');
    await page.untilLines(`user Go on ${status}`, 'assistant a');
    way.refuse(/stream$/, status);
    await page.until(({ connection }) => connection.state === 'reconnecting');
    await gate.say('b');
    way.letThrough();
    await page.untilLines(`user Go on ${status}`, 'assistant ab');
    await gate.finish();
    expect((await page.untilSettled()).problem).toBeNull();
  });

  it('says that it is refused, and follows again when a person says something', async () => {
    const way = new Way();
    system.model.answer(['One.'], { to: 'Say one' }).answer(['Two.'], { to: 'Say two' });
    const page = device({}, way);
    await page.store.send('Say one');
    await page.untilSettled();
    way.refuse(/^GET/, 403);
    await page.until(({ problem, connection }) => problem !== null && connection.state === 'idle');
    expect(page.now).toMatchObject({ state: 'ready', problem: { code: 'BAD_ANSWER' } });
    way.letThrough();
    expect(await page.store.send('Say two')).toBe(true);
    await page.untilLines('user Say one', 'assistant One.', 'user Say two', 'assistant Two.');
    expect(page.now.problem).toBeNull();
  });

  it('goes on with the answer once a person has dismissed what was wrong', async () => {
    const way = new Way();
    const gate = system.model.gated({ to: 'Portal' });
    const page = device({}, way);
    await page.store.send('Portal');
    await gate.say('a');
    await page.untilLines('user Portal', 'assistant a');
    way.refuse(/stream$/, 404);
    await page.until(({ problem }) => problem?.code === 'BAD_ANSWER');
    way.letThrough();
    page.store.dismiss();
    await gate.say('b');
    await page.untilLines('user Portal', 'assistant ab');
    await gate.finish();
    expect((await page.untilSettled()).problem).toBeNull();
  });

  it('follows again when a person loads it again', async () => {
    const way = new Way();
    system.model.answer(['One.'], { to: 'Load' }).answer(['Two.'], { to: 'And then' });
    const other = device();
    await other.store.send('Load');
    await other.untilSettled();
    way.refuse(/./, 401);
    const page = device({ threadId: other.now.threadId }, way);
    await page.until(({ state }) => state === 'failed');
    way.letThrough();
    await page.store.reload();
    await page.untilLines('user Load', 'assistant One.');
    await page.until(({ connection }) => connection.state === 'connected');
    await other.store.send('And then');
    await page.untilLines('user Load', 'assistant One.', 'user And then', 'assistant Two.');
  });

  it('goes on following where only what it holds cannot be read', async () => {
    const way = new Way();
    const gate = system.model.gated({ to: 'Half' });
    const page = device({}, way);
    await page.store.send('Half');
    await gate.say('a');
    way.refuse(/messages$/, 400);
    await gate.say('b');
    await gate.finish();
    await page.until(({ problem }) => problem !== null);
    expect(page.now.connection.state).toBe('connected');
    expect(lastAnswer(page)?.parts).toEqual([{ type: 'text', text: 'ab' }]);
  });
});

describe('what cannot be sent', () => {
  it('is refused by itself: a body that is no JSON does not hold up the next', async () => {
    system.model.answer(['Hello.'], { to: 'Hi' });
    const page = device();
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    expect(await page.store.start(circular)).toBe(false);
    expect(page.now.problem).toMatchObject({ code: 'INVALID_REQUEST', remedy: 'edit' });
    expect(await page.store.send('Hi')).toBe(true);
    await page.untilLines('user Hi', 'assistant Hello.');
  });

  it('is tried again while there is no credential', async () => {
    system.model.answer(['Hello.'], { to: 'Key' });
    let tries = 0;
    const apiKey = () => {
      tries += 1;
      return tries < 3 ? Promise.reject(new Error('the server of keys is down')) : Promise.resolve(undefined);
    };
    const page = device({}, new Way(), { apiKey });
    expect(await page.store.send('Key')).toBe(true);
    await page.untilLines('user Key', 'assistant Hello.');
  });
});

describe('a conversation whose thread was erased', () => {
  it('shows nothing of it, and does not make it again', async () => {
    const way = new Way();
    system.model.answer(['Secret.'], { to: 'Erase' });
    const page = device({}, way);
    await page.store.send('Erase');
    await page.untilSettled();
    const { threadId } = page.now;
    const millrace = new Millrace({ baseUrl: system.url });
    await millrace.threads.resume(threadId).erase();
    await page.until(({ state }) => state === 'gone');
    expect(page.now).toMatchObject({ messages: [], questions: [], title: null, connection: { state: 'idle' } });
    expect(await page.store.send('Again')).toBe(false);
    expect(page.now.messages).toMatchObject([{ state: 'refused', problem: { code: 'THREAD_NOT_FOUND' } }]);
    expect(await page.store.rename('Anew')).toBe(false);
    expect(await createThreadList(millrace).rename(threadId, 'Anew')).toBe(false);
    await expect(millrace.threads.resume(threadId).get()).rejects.toMatchObject({ code: 'THREAD_NOT_FOUND' });
  });

  it('takes back what is on its way', async () => {
    const way = new Way();
    system.model.answer(['One.'], { to: 'First' });
    const page = device({}, way);
    await page.store.send('First');
    await page.untilSettled();
    way.refuse(/^POST/, 503);
    const sent = page.store.send('Second');
    await page.until(({ messages }) => messages.some((each) => each.role === 'user' && each.state === 'waiting'));
    await new Millrace({ baseUrl: system.url }).threads.resume(page.now.threadId).erase();
    expect(await sent).toBe(false);
    expect(lines(page)).toEqual(['user Second']);
    expect(page.now.state).toBe('gone');
  });

  it('leaves no timer running', async () => {
    system.model.answer(['One.'], { to: 'Timers' });
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const page = device();
    await page.store.send('Timers');
    await page.untilSettled();
    await new Millrace({ baseUrl: system.url }).threads.resume(page.now.threadId).erase();
    await page.until(({ state }) => state === 'gone');
    // those of connections that are being closed end by themselves
    await eventually(() => timers() <= before);
  });
});

describe('a conversation that is erased while something of it is on its way', () => {
  const service = () => new Millrace({ baseUrl: system.url });

  async function leavesNothing(page: ConversationViewer): Promise<void> {
    expect(page.now).toMatchObject({ state: 'gone', messages: [] });
    const { threadId } = page.now;
    await expect(service().threads.resume(threadId).get()).rejects.toMatchObject({ code: 'THREAD_NOT_FOUND' });
    expect((await service().jobs.list({ threadId })).items).toEqual([]);
  }

  it.each(['request', 'answer'] as const)('leaves nothing of a first question whose %s is late', async (part) => {
    const way = new Way();
    system.model.answer(['Late.'], { to: `Late ${part}` });
    const page = device({}, way);
    way.keep(/^POST \/jobs$/, part);
    const sent = page.store.send(`Late ${part}`);
    await eventually(() => way.isKeeping);
    const next = page.store.send('And one more');
    const erased = page.store.erase();
    way.letThrough();
    expect(await Promise.all([erased, next])).toEqual([true, false]);
    await sent;
    await leavesNothing(page);
  });

  it('leaves nothing where the server says nothing at all', async () => {
    const way = new Way();
    system.model.answer(['Silent.'], { to: 'Silence' });
    const page = device({}, way);
    way.keep(/^POST \/jobs$/, 'answer');
    const sent = page.store.send('Silence');
    await eventually(() => way.isKeeping);
    expect(await page.store.erase()).toBe(true);
    expect(await sent).toBe(false);
    await leavesNothing(page);
  });

  it('is not made again by its title', async () => {
    const way = new Way();
    system.model.answer(['Hello.'], { to: 'Title' });
    const page = device({}, way);
    way.keep(/^POST \/threads$/, 'request');
    await page.store.send('Title');
    await eventually(() => way.isKeeping);
    const erased = page.store.erase();
    const isHasty = () => page.now.state === 'gone';
    await eventually(isHasty, { timeoutMs: 500 }).catch(() => undefined);
    way.letThrough();
    expect(await erased).toBe(true);
    await eventually(() => !way.isBusy);
    await leavesNothing(page);
  });

  it('takes no other question meanwhile', async () => {
    const way = new Way();
    system.model.answer(['Hello.'], { to: 'One' });
    const page = device({}, way);
    await page.store.send('One');
    await page.untilSettled();
    way.keep(/^DELETE/, 'answer');
    const erased = page.store.erase();
    await eventually(() => way.isKeeping);
    expect(await page.store.send('Two')).toBe(false);
    way.letThrough();
    expect(await erased).toBe(true);
    await leavesNothing(page);
  });
});

describe('a conversation that is renamed', () => {
  const titleOf = async (id: string) =>
    (await new Millrace({ baseUrl: system.url }).threads.resume(id).get()).metadata['title'];

  async function conversation(way: Way): Promise<ConversationViewer> {
    system.model.answer(['Hello.'], { to: 'Name' });
    const page = device({}, way);
    await page.store.send('Name');
    await page.untilSettled();
    return page;
  }

  it('has the last of two names, whichever arrives first', async () => {
    const way = new Way();
    const page = await conversation(way);
    way.keep(/^POST \/threads$/, 'request');
    const first = page.store.rename('First');
    await eventually(() => way.isKeeping);
    way.keep(/^$/, 'request');
    const second = page.store.rename('Second');
    const isOvertaken = async () => (await titleOf(page.now.threadId)) === 'Second';
    await eventually(isOvertaken, { timeoutMs: 500 }).catch(() => undefined);
    way.letThrough();
    expect(await Promise.all([first, second])).toEqual([true, true]);
    expect([page.now.title, await titleOf(page.now.threadId)]).toEqual(['Second', 'Second']);
  });

  it('shows the name that it has, also after one that was refused, and one that another device gives', async () => {
    const way = new Way();
    const page = await conversation(way);
    way.refuse(/^POST \/threads$/, 403);
    expect(await page.store.rename('Refused')).toBe(false);
    expect(page.now.title).toBe('Name');
    way.letThrough();
    expect(await page.store.rename('Mine')).toBe(true);
    const other = device({ threadId: page.now.threadId });
    await other.until(({ title }) => title === 'Mine');
    expect(await other.store.rename('Theirs')).toBe(true);
    await page.store.reload();
    await page.until(({ title }) => title === 'Theirs');
    // there and back: what is shown meanwhile is what was said last
    await Promise.all([page.store.rename('Elsewhere'), page.store.rename('Theirs')]);
    await page.store.reload();
    await page.until(({ state }) => state === 'ready');
    expect([page.now.title, await titleOf(page.now.threadId)]).toEqual(['Theirs', 'Theirs']);
  });

  it('has the last of two names in the list, too', async () => {
    const way = new Way();
    const { threadId } = (await conversation(new Way())).now;
    const millrace = new Millrace({ baseUrl: system.url, fetch: way.fetch, ...QUICK });
    using list = new Viewer<ThreadListSnapshot, ThreadListStore>(createThreadList(millrace));
    await list.until(({ state }) => state === 'ready');
    way.keep(/^POST \/threads$/, 'request');
    const first = list.store.rename(threadId, 'First');
    await eventually(() => way.isKeeping);
    way.keep(/^$/, 'request');
    const second = list.store.rename(threadId, 'Second');
    const isOvertaken = async () => (await titleOf(threadId)) === 'Second';
    await eventually(isOvertaken, { timeoutMs: 500 }).catch(() => undefined);
    way.letThrough();
    expect(await Promise.all([first, second])).toEqual([true, true]);
    const shown = list.now.threads.find(({ id }) => id === threadId)?.metadata['title'];
    expect([shown, await titleOf(threadId)]).toEqual(['Second', 'Second']);
  });
});

describe('the first title of a conversation', () => {
  const threads = () => new Millrace({ baseUrl: system.url }).threads;
  const titleOf = async (id: string) => (await threads().resume(id).get()).metadata['title'];

  /** A conversation whose title is refused, beside a list of the same client. */
  async function untitled(way: Way, question: string, status = 503) {
    system.model.answer(['Hello.'], { to: question });
    const millrace = new Millrace({ baseUrl: system.url, fetch: way.fetch, ...QUICK });
    const page = new ConversationViewer(createConversation(millrace));
    const list = new Viewer<ThreadListSnapshot, ThreadListStore>(createThreadList(millrace));
    open.push(page, list);
    way.refuse(/^POST \/threads$/, status);
    await page.store.send(question);
    await page.untilSettled();
    await eventually(() => way.seen.includes('POST /threads'));
    const { threadId } = page.now;
    const inList = () => list.now.threads.find(({ id }) => id === threadId)?.metadata['title'];
    return { page, list, threadId, inList };
  }

  it.each([408, 429, 503])('is given again after a %i, and nobody is told meanwhile', async (status) => {
    const way = new Way();
    const { page, threadId, inList } = await untitled(way, `Again ${status}`, status);
    expect(page.now).toMatchObject({ title: `Again ${status}`, problem: null });
    expect(await titleOf(threadId)).toBeUndefined();
    way.letThrough();
    await eventually(async () => (await titleOf(threadId)) === `Again ${status}`);
    await eventually(() => inList() === `Again ${status}`);
    expect(page.seen.every(({ problem }) => problem === null)).toBe(true);
  });

  it('is not given to a thread that was erased meanwhile', async () => {
    const way = new Way();
    const { threadId } = await untitled(way, 'Not again');
    await threads().resume(threadId).erase();
    way.letThrough();
    await eventually(() => way.seen.filter((asked) => asked === `GET /threads/${threadId}`).length > 1);
    await expect(titleOf(threadId)).rejects.toMatchObject({ code: 'THREAD_NOT_FOUND' });
  });

  it('is not given any more once the thread is erased here', async () => {
    const way = new Way();
    const { page, threadId } = await untitled(way, 'Erased here');
    expect(await page.store.erase()).toBe(true);
    way.letThrough();
    const asked = way.seen.length;
    const isGiven = () => way.seen.slice(asked).includes('POST /threads');
    await eventually(isGiven, { timeoutMs: 1500 }).catch(() => undefined);
    expect(isGiven()).toBe(false);
    await expect(titleOf(threadId)).rejects.toMatchObject({ code: 'THREAD_NOT_FOUND' });
  });

  it('gives way to one of a person, here, in the list, or on another device', async () => {
    const way = new Way();
    for (const place of ['here', 'list', 'elsewhere'] as const) {
      const { page, list, threadId } = await untitled(way, `Way ${place}`);
      way.letThrough();
      const name = {
        here: () => page.store.rename('Mine'),
        list: () => list.store.rename(threadId, 'Mine'),
        elsewhere: () => createThreadList(new Millrace({ baseUrl: system.url })).rename(threadId, 'Mine'),
      }[place];
      expect(await name()).toBe(true);
      await page.until(({ title }) => title === 'Mine');
      const isTaken = async () => page.now.title !== 'Mine' || (await titleOf(threadId)) !== 'Mine';
      await eventually(isTaken, { timeoutMs: 1500 }).catch(() => undefined);
      expect(await isTaken()).toBe(false);
    }
  });

  it('is shown during the first answer by a device that came before it was stored', async () => {
    const way = new Way();
    const gate = system.model.gated({ to: 'Two devices' });
    way.keep(/^POST \/threads$/, 'request');
    const page = device({}, way);
    await page.store.send('Two devices');
    await gate.say('a');
    const other = device({ threadId: page.now.threadId });
    await other.untilLines('user Two devices', 'assistant a');
    expect(other.now.title).toBeNull();
    way.letThrough();
    await other.until(({ title }) => title === 'Two devices');
    expect(other.now.activity).toBe('running');
    await gate.finish();
  });

  it('gives way to one that the list gives it during the first answer', async () => {
    const gate = system.model.gated({ to: 'First question' });
    const millrace = new Millrace({ baseUrl: system.url, ...QUICK });
    const page = new ConversationViewer(createConversation(millrace));
    const list = new Viewer<ThreadListSnapshot, ThreadListStore>(createThreadList(millrace));
    open.push(page, list);
    await page.store.send('First question');
    await gate.say('a');
    await page.untilLines('user First question', 'assistant a');
    const { threadId } = page.now;
    await eventually(async () => (await titleOf(threadId)) === 'First question');
    expect(await list.store.rename(threadId, 'Renamed')).toBe(true);
    await page.until(({ title }) => title === 'Renamed');
    await gate.finish();
    await page.untilSettled();
    expect([page.now.title, await titleOf(threadId)]).toEqual(['Renamed', 'Renamed']);
  });
});

describe('a conversation whose page makes up its id', () => {
  it('is new, and its thread is made with the first question', async () => {
    const gate = system.model.gated({ to: 'Made up' });
    const threadId = newRequestId();
    const page = device({ threadId });
    await page.until(({ state }) => state === 'new');
    expect(page.now).toMatchObject({ threadId, messages: [], problem: null, connection: { state: 'idle' } });
    await page.store.rename('My title');
    expect(page.now.title).toBe('My title');
    expect(await page.store.send('Made up')).toBe(true);
    await gate.say('a');
    await page.untilLines('user Made up', 'assistant a');
    const other = device({ threadId });
    await other.untilLines('user Made up', 'assistant a');
    await gate.finish();
    await page.untilSettled();
    expect(page.now).toMatchObject({ state: 'ready', threadId, title: 'My title' });
    await other.until(({ title }) => title === 'My title');
    expect(await page.store.erase()).toBe(true);
    await other.until(({ state }) => state === 'gone');
    expect(await other.store.send('Again')).toBe(false);
  });

  it.each(['request', 'answer'] as const)('takes a question before it knows, whichever %s is late', async (part) => {
    const way = new Way();
    system.model.answer(['Early.'], { to: `Early ${part}` }).answer(['Later.'], { to: `Later ${part}` });
    const threadId = newRequestId();
    way.keep(/^GET/, part);
    const page = device({ threadId }, way);
    const sent = page.store.send(`Early ${part}`);
    expect(page.now).toMatchObject({ activity: 'sending', messages: [{ state: 'sending' }] });
    await eventually(() => way.isKeeping);
    way.letThrough();
    expect(await sent).toBe(true);
    await page.untilLines(`user Early ${part}`, 'assistant Early.');
    await page.untilSettled();
    expect(page.now).toMatchObject({ state: 'ready', title: `Early ${part}`, problem: null });
    // one that nobody looks at
    const script = createConversation(new Millrace({ baseUrl: system.url }), { threadId });
    expect(await script.send(`Later ${part}`)).toBe(true);
    await page.until((snapshot) => ConversationViewer.lines(snapshot).at(-1) === 'assistant Later.');
    expect(page.now.title).toBe(`Early ${part}`);
  });

  it('may be a thread by the time that it is loaded again', async () => {
    system.model.answer(['There.'], { to: 'Elsewhere' });
    const threadId = newRequestId();
    const page = device({ threadId });
    await page.until(({ state }) => state === 'new');
    await device({ threadId }).store.send('Elsewhere');
    await page.store.reload();
    await page.untilLines('user Elsewhere', 'assistant There.');
  });
});

describe('a conversation that is shown again', () => {
  /** Leaves a conversation for longer than it is followed without anybody. */
  async function leave(page: ConversationViewer): Promise<void> {
    page[Symbol.dispose]();
    await pause(1100);
  }

  it('has the title that it got in the list meanwhile', async () => {
    system.model.answer(['Hello.'], { to: 'Kept' });
    const millrace = new Millrace({ baseUrl: system.url, ...QUICK });
    const page = new ConversationViewer(createConversation(millrace));
    await page.store.send('Kept');
    const { threadId } = await page.untilSettled();
    await page.until(({ title }) => title === 'Kept');
    await leave(page);
    expect(await createThreadList(millrace).rename(threadId, 'Renamed')).toBe(true);
    const again = new ConversationViewer(page.store);
    open.push(again);
    await again.until(({ title }) => title === 'Renamed');
    expect(ConversationViewer.lines(again.now)).toEqual(['user Kept', 'assistant Hello.']);
  });

  it('does not say any more that it was refused', async () => {
    system.model.answer(['Hello.'], { to: 'Refused once' });
    const other = device();
    await other.store.send('Refused once');
    await other.untilSettled();
    const way = new Way();
    way.refuse(/./, 401);
    const page = device({ threadId: other.now.threadId }, way);
    await page.until(({ state, problem }) => state === 'failed' && problem !== null);
    await leave(page);
    way.letThrough();
    const again = new ConversationViewer(page.store);
    open.push(again);
    await again.untilLines('user Refused once', 'assistant Hello.');
    expect(again.now).toMatchObject({ state: 'ready', problem: null });
  });
});

describe('a conversation that has gone on', () => {
  it('stops what is on its way there, not what runs in the thread before', async () => {
    const way = new Way();
    const gate = system.model.gated({ to: 'Long' });
    system.model.answer(['Hi.'], { to: 'Short' });
    const page = device({}, way);
    await page.store.send('Short');
    await page.untilSettled();
    await page.store.send('Long');
    await gate.say('a');
    await page.untilLines('user Short', 'assistant Hi.', 'user Long', 'assistant a');
    const running = lastAnswer(page)?.id ?? '';
    way.refuse(/^POST \/jobs$/, 503);
    const edited = page.store.edit(page.now.messages[2]?.id ?? '', 'Longer');
    await page.until(({ messages }) => messages.some((each) => each.role === 'user' && each.state === 'waiting'));
    expect(await page.store.stop()).toBe(true);
    expect(await edited).toBe(false);
    expect(await new Millrace({ baseUrl: system.url }).jobs.resume(running).get()).toMatchObject({ status: 'active' });
    await gate.finish();
  });
});

describe('a job that is followed', () => {
  it('says nothing twice after the client has given up and begun again', async () => {
    const way = new Way();
    const gate = system.model.gated({ to: 'Once' });
    const millrace = new Millrace({ baseUrl: system.url, fetch: way.fetch, ...QUICK, maxFailures: 1 });
    const job = await millrace.jobs.create({ query: 'Once' });
    await job.close();
    const viewer = new Viewer<JobSnapshot, JobStore>(createJobStore(millrace, job.id));
    open.push(viewer);
    const text = ({ answer }: JobSnapshot) => answer.parts.map((part) => ('text' in part ? part.text : '')).join('');
    await gate.say('a');
    await viewer.until((snapshot) => text(snapshot) === 'a');
    way.refuse(/stream$/, 503);
    // so many that the reading has failed, and another one begun
    await eventually(() => way.seen.filter((path) => path.endsWith('/stream')).length > 4, { timeoutMs: 20_000 });
    way.letThrough();
    await gate.say('b');
    await gate.finish();
    const { answer } = await viewer.until((snapshot) => snapshot.answer.status === 'completed');
    expect(answer.parts).toEqual([{ type: 'text', text: 'ab' }]);
  });

  it.each([503, 403])('has what its record adds, also where that was refused at first (%i)', async (status) => {
    const way = new Way();
    system.model.answer(['a'], { to: `Record ${status}` });
    const millrace = new Millrace({ baseUrl: system.url, fetch: way.fetch, ...QUICK });
    const { id } = await millrace.jobs.submit({ query: `Record ${status}` });
    way.refuse(/^GET \/jobs\/[^/]+$/, status);
    const viewer = new Viewer<JobSnapshot, JobStore>(createJobStore(millrace, id));
    open.push(viewer);
    await viewer.until(({ answer }) => answer.status === 'completed');
    await eventually(() => way.seen.includes(`GET /jobs/${id}`));
    expect(viewer.now).toMatchObject({ state: 'ready', problem: null, answer: { pipeline: null } });
    way.letThrough();
    // only a person can do something about what is refused for good
    if (status === 403) viewer.store.reload();
    await viewer.until(({ answer }) => answer.pipeline === 'chat');
  });

  it('follows again when a person loads it again, after a refusal', async () => {
    const way = new Way();
    const gate = system.model.gated({ to: 'Refused' });
    const millrace = new Millrace({ baseUrl: system.url, fetch: way.fetch, ...QUICK });
    const { id } = await millrace.jobs.submit({ query: 'Refused' });
    const viewer = new Viewer<JobSnapshot, JobStore>(createJobStore(millrace, id));
    open.push(viewer);
    const text = ({ answer }: JobSnapshot) => answer.parts.map((part) => ('text' in part ? part.text : '')).join('');
    await gate.say('a');
    await viewer.until((snapshot) => text(snapshot) === 'a');
    way.refuse(/stream$/, 403);
    await viewer.until(({ state }) => state === 'failed');
    viewer.store.reload();
    await viewer.until(({ state }) => state === 'failed');
    expect(viewer.now.problem).toMatchObject({ code: 'BAD_ANSWER' });
    way.letThrough();
    viewer.store.reload();
    await viewer.until(({ state, problem }) => state === 'ready' && problem === null);
    await gate.say('b');
    await gate.finish();
    const { answer } = await viewer.until((snapshot) => snapshot.answer.status === 'completed');
    expect(answer.parts).toEqual([{ type: 'text', text: 'ab' }]);
  });
});
