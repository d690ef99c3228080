import { describe, expect, it } from '@jest/globals';
import { compareEventIds, type EventId, eventId, LOG_START, type StoredEvent } from '@millrace/contracts';
import type { ChannelHub } from '../channel/channel-hub.ts';
import { batchOf, type EventBatch } from '../log/event-batch.ts';
import type { JobReader, LogPage } from '../log/job-reader.ts';
import { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import { Recorder } from '../testing/log-harness.ts';
import { Followers } from './followers.ts';
import { Watcher } from './subscriber.ts';
import { Topic } from './topic.ts';

/** A log whose reads are answered when the test says so: races become sequences. */
class HandheldLog {
  readonly events: StoredEvent[] = [];
  readonly reads: { after: EventId; answer: () => void }[] = [];
  /** events of a page */
  pageSize = Number.POSITIVE_INFINITY;
  readonly #asked: (() => void)[] = [];

  append(): EventBatch {
    const prev = this.events.at(-1)?.id ?? LOG_START;
    const event: StoredEvent = { id: eventId(1, this.events.length + 1), type: 'text', data: '{"text":"x"}' };
    this.events.push(event);
    return batchOf(prev, [event], false);
  }

  page = (_id: string, after: EventId): Promise<LogPage> => {
    const found = this.events.filter((event) => compareEventIds(event.id, after) > 0);
    const page = { events: found.slice(0, this.pageSize), full: found.length > this.pageSize };
    const { promise, resolve } = Promise.withResolvers<LogPage>();
    this.reads.push({ after, answer: () => resolve(page) });
    for (const wake of this.#asked.splice(0)) wake();
    return promise;
  };

  /** Answers the next read with what the log held when it was asked. */
  async answerRead(): Promise<void> {
    if (this.reads.length === 0) await new Promise<void>((resolve) => this.#asked.push(resolve));
    this.reads.shift()?.answer();
    await settle();
  }
}

/** Lets everything that is ready run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

function follow(topic: Topic, after: EventId = LOG_START): Recorder {
  const recorder = new Recorder();
  const watcher = new Watcher(topic, after, recorder, () => undefined);
  recorder.following = watcher;
  watcher.resume();
  return recorder;
}

function setup() {
  const log = new HandheldLog();
  return { log, topic: new Topic('default.a-request-id-0001', log as unknown as JobReader) };
}

describe('attaching (law 5)', () => {
  it('keeps what is published while the log is read, and gives it once', async () => {
    const { log, topic } = setup();
    log.append();
    const recorder = follow(topic);
    topic.receive(log.append());
    await log.answerRead();
    expect(recorder.ids).toEqual(['1-1', '1-2']);
    expect(log.reads).toHaveLength(0);
    topic.receive(log.append());
    expect(recorder.ids).toEqual(['1-1', '1-2', '1-3']);
  });

  it('reads a page once for all who come together, and who comes late misses nothing', async () => {
    const { log, topic } = setup();
    log.append();
    const first = follow(topic);
    topic.receive(log.append());
    const second = follow(topic);
    expect(log.reads).toHaveLength(1);
    await log.answerRead();
    expect([first.ids, second.ids]).toEqual([
      ['1-1', '1-2'],
      ['1-1', '1-2'],
    ]);
    follow(topic);
    expect(log.reads).toHaveLength(1);
  });

  it('reads anew for who comes after a loss', async () => {
    const { log, topic } = setup();
    log.append();
    follow(topic);
    topic.rewind();
    follow(topic);
    expect(log.reads).toHaveLength(2);
  });

  it('drops by id what the log already gave', async () => {
    const { log, topic } = setup();
    const late = [log.append(), log.append()];
    const recorder = follow(topic);
    await log.answerRead();
    for (const batch of late) topic.receive(batch);
    expect(recorder.ids).toEqual(['1-1', '1-2']);
  });

  it('reads on when more was published meanwhile than it keeps (Dify #32586)', async () => {
    const { log, topic } = setup();
    log.append();
    const recorder = follow(topic);
    for (let i = 0; i < 300; i++) topic.receive(log.append());
    await log.answerRead();
    await log.answerRead();
    expect(recorder.ids).toEqual(log.events.map(({ id }) => id));
    expect(log.reads).toHaveLength(0);
  });

  it('starts everyone afresh when the log ends before what was given already', async () => {
    const { log, topic } = setup();
    const first = follow(topic);
    await log.answerRead();
    for (let i = 0; i < 3; i++) topic.receive(log.append());
    log.events.length = 1;
    const second = follow(topic);
    while (second.types.length < 3 || first.types.length < 5) await log.answerRead();
    expect(first.ids).toEqual(['1-1', '1-2', '1-3', '0-0', '1-1']);
    expect(second.ids.slice(-2)).toEqual(['0-0', '1-1']);
  });

  it('does not read before the subscription is confirmed (LibreChat #11710)', async () => {
    const confirmation = Promise.withResolvers<void>();
    const asked: string[] = [];
    const answer = (command: string) => async () => {
      if (command !== 'defineCommand') asked.push(command);
      return [];
    };
    const redis = new Proxy({}, { get: (_, command: string) => answer(command) });
    const hub = { subscribe: () => confirmation.promise, unsubscribe: () => undefined };
    const followers = new Followers(redis as RedisConnection, hub as unknown as ChannelHub, new KeySpace('test'));
    const following = followers.follow('default.a-request-id-0001', { after: LOG_START, sink: new Recorder() });
    await settle();
    expect(asked).toEqual([]);
    confirmation.resolve();
    await expect(following).rejects.toThrow('no job has the id');
    expect(asked).toContain('hmget');
    followers.close();
  });
});

describe('a job that is followed before it is stored (law 5)', () => {
  /** A topic whose channel was confirmed while nothing was stored, as `Followers.expect` has it. */
  function expected() {
    const { log, topic } = setup();
    topic.beginReading();
    topic.keepsAll = true;
    return { log, topic };
  }

  it('is had from the channel alone', async () => {
    const { log, topic } = expected();
    topic.receive(log.append());
    const recorder = follow(topic);
    await settle();
    topic.receive(log.append());
    expect(recorder.ids).toEqual(['1-1', '1-2']);
    expect(log.reads).toHaveLength(0);
  });

  it('is read when the subscription was lost in between', async () => {
    const { log, topic } = expected();
    log.append();
    topic.resubscribed();
    const recorder = follow(topic);
    await log.answerRead();
    expect(recorder.ids).toEqual(['1-1']);
  });

  it('is read when the first message was lost', async () => {
    const { log, topic } = expected();
    log.append();
    topic.receive(log.append());
    const recorder = follow(topic);
    await log.answerRead();
    expect(recorder.ids).toEqual(['1-1', '1-2']);
  });

  it('is read when more was published than is kept', async () => {
    const { log, topic } = expected();
    for (let i = 0; i < 300; i++) topic.receive(log.append());
    const recorder = follow(topic);
    await log.answerRead();
    expect(recorder.ids).toEqual(log.events.map(({ id }) => id));
  });

  it('is read by who comes when nobody has kept anything any more', async () => {
    const { log, topic } = expected();
    topic.receive(log.append());
    topic.endReading();
    const recorder = follow(topic);
    await log.answerRead();
    expect(recorder.ids).toEqual(['1-1']);
  });
});

describe('what the channel brings in one turn of the loop', () => {
  const payloadOf = ({ prev, events }: EventBatch, runner: string) =>
    [`${prev} ${runner}`, ...events.map(({ id, type, data }) => `${id} ${type} ${data}`)].join('\n');

  it('comes to the watchers as one batch', async () => {
    const { log, topic } = setup();
    const recorder = follow(topic);
    await log.answerRead();
    const batches: EventBatch[] = [];
    recorder.batch = (batch) => batches.push(batch) > 0;
    for (let i = 0; i < 3; i++) topic.message(payloadOf(log.append(), 'a'));
    expect(batches).toEqual([]);
    await settle();
    topic.message(payloadOf(log.append(), 'a'));
    await settle();
    const [first, ...later] = log.events;
    expect(batches).toEqual([
      { prev: LOG_START, last: '1-3', runner: 'a', replay: false, events: [first, ...later.slice(0, 2)] },
      { prev: '1-3', last: '1-4', runner: 'a', replay: false, events: later.slice(2) },
    ]);
  });

  it('is not joined across a gap, nor across a change of the runner', async () => {
    const { log, topic } = setup();
    const recorder = follow(topic);
    await log.answerRead();
    topic.message(payloadOf(log.append(), 'a'));
    log.append();
    topic.message(payloadOf(log.append(), 'a'));
    await log.answerRead();
    expect(recorder.ids).toEqual(['1-1', '1-2', '1-3']);
    topic.message(payloadOf(log.append(), 'a'));
    topic.message(payloadOf(log.append(), 'b'));
    await settle();
    expect([recorder.ids.length, recorder.ids.at(-1)]).toEqual([5, '0-0']);
  });
});

describe('a gap (law 6)', () => {
  it('is mended by one read of the log for all watchers', async () => {
    const { log, topic } = setup();
    const recorders = [follow(topic), follow(topic), follow(topic)];
    await log.answerRead();
    topic.receive(log.append());
    log.append();
    topic.receive(log.append());
    topic.receive(log.append());
    expect(log.reads).toHaveLength(1);
    await log.answerRead();
    // what came during the read had a gap before it as well: it is asked for once more
    while (log.reads.length > 0) await log.answerRead();
    for (const recorder of recorders) expect(recorder.ids).toEqual(log.events.map(({ id }) => id));
  });
});

describe('another history (law 1)', () => {
  it('of the same attempt number starts everyone afresh, instead of joining on to the first (LibreChat #11842)', async () => {
    const { log, topic } = setup();
    const recorder = follow(topic);
    await log.answerRead();
    for (let i = 0; i < 3; i++) topic.receive({ ...log.append(), runner: 'first' });
    log.events.length = 0;
    topic.receive({ ...log.append(), runner: 'second' });
    await log.answerRead();
    topic.receive({ ...log.append(), runner: 'second' });
    expect(recorder.ids).toEqual(['1-1', '1-2', '1-3', '0-0', '1-1', '1-2']);
  });
});

describe('a sink that throws', () => {
  it('ends alone: the other watchers of the job miss nothing', async () => {
    const { log, topic } = setup();
    const bad = follow(topic);
    const good = follow(topic);
    await log.answerRead();
    bad.batch = () => {
      throw new Error('broken sink');
    };
    for (let i = 0; i < 3; i++) topic.receive(log.append());
    expect(bad.ended).toBe('failed');
    expect(good.ids).toEqual(['1-1', '1-2', '1-3']);
    expect(topic.watchers.size).toBe(1);
  });
});

describe('a reader of many pages', () => {
  it('is given a page while the next is read', async () => {
    const { log, topic } = setup();
    log.pageSize = 1;
    for (let i = 0; i < 4; i++) log.append();
    const recorder = follow(topic);
    await log.answerRead();
    const readMeanwhile: (EventId | undefined)[] = [];
    const take = recorder.batch.bind(recorder);
    recorder.batch = (batch) => {
      readMeanwhile.push(log.reads[0]?.after);
      return take(batch);
    };
    await log.answerRead();
    await recorder.until(({ ids }) => ids.length === 2);
    expect(readMeanwhile).toEqual(['1-2']);
    while (recorder.ids.length < 4) await log.answerRead();
    expect(recorder.ids).toEqual(log.events.map(({ id }) => id));
  });

  it('is not given a page that was asked for before it stopped to read: what came meanwhile was not kept (law 5)', async () => {
    const { log, topic } = setup();
    for (let i = 0; i < 3; i++) log.append();
    const live = follow(topic);
    await log.answerRead();
    log.pageSize = 1;
    const slow = follow(topic);
    slow.room = 2;
    await log.answerRead();
    await log.answerRead();
    await slow.until(({ ids }) => ids.length === 2);
    topic.receive(log.append());
    slow.room = Number.POSITIVE_INFINITY;
    slow.following?.resume();
    while (slow.ids.length < 4) await log.answerRead();
    expect([slow.ids, live.ids]).toEqual([
      ['1-1', '1-2', '1-3', '1-4'],
      ['1-1', '1-2', '1-3', '1-4'],
    ]);
  });
});

describe('a full reader (law 10)', () => {
  it('is given nothing more until it has room, then reads the log from where it stood', async () => {
    const { log, topic } = setup();
    const recorder = follow(topic);
    await log.answerRead();
    recorder.room = 1;
    for (let i = 0; i < 5; i++) topic.receive(log.append());
    expect(recorder.ids).toEqual(['1-1']);
    recorder.room = Number.POSITIVE_INFINITY;
    recorder.following?.resume();
    expect(log.reads.map(({ after }) => after)).toEqual(['1-1']);
    await log.answerRead();
    expect(recorder.ids).toEqual(log.events.map(({ id }) => id));
  });
});
