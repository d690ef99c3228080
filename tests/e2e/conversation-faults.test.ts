import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Millrace } from '@millrace/client';
import {
  type AssistantMessage,
  type ConversationOptions,
  createConversation,
  createJobStore,
  createThreadList,
  type JobSnapshot,
  type JobStore,
} from '@millrace/client/conversation';
import { eventually } from '@millrace/testing';
import { SystemHarness } from './system-harness.ts';
import { ConversationViewer, Viewer } from './viewer.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start({ processes: 1, env: { MILLRACE_MODELS: 'openai:gpt-4o-mini,openai:gpt-4o' } });
}, 90_000);
afterAll(() => system[Symbol.asyncDispose](), 60_000);

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
  readonly fetch = (url: string, init: RequestInit): Promise<Response> => {
    const asked = `${init.method} ${new URL(url).pathname}`;
    this.seen.push(asked);
    const { status } = this;
    if (this.refuses.test(asked)) return Promise.resolve(new Response(null, { status }));
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

  letThrough(): void {
    this.refuses = /^$/;
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
});
