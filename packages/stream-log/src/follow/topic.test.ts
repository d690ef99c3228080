import { describe, expect, it } from '@jest/globals';
import { compareEventIds, type EventId, eventId, LOG_START, type StoredEvent } from '@millrace/contracts';
import type { ChannelHub } from '../channel/channel-hub.ts';
import { batchOf, type EventBatch } from '../log/event-batch.ts';
import { acceptedEvent } from '../log/job-opener.ts';
import type { JobReader, LogPage } from '../log/job-reader.ts';
import { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import { Recorder } from '../testing/log-harness.ts';
import { Place } from './place.ts';
import { Subscriber } from './subscriber.ts';
import { Subscribers } from './subscribers.ts';
import { Topic } from './topic.ts';

/** A log that answers reads when the test says so: races become sequences. */
class HandheldLog {
  readonly events: StoredEvent[] = [];
  readonly reads: { after: EventId; answer: () => void }[] = [];
  /** events of a page */
  pageSize = Number.POSITIVE_INFINITY;
  readonly #asked: (() => void)[] = [];

  append(): EventBatch {
    const prev = this.events.at(-1)?.id ?? LOG_START;
    const seq = this.events.filter(({ type }) => type === 'text').length + 1;
    const event: StoredEvent = { id: eventId(1, seq), type: 'text', data: '{"text":"x"}' };
    this.events.push(event);
    return batchOf(prev, [event], false);
  }

  /** The first event of a job that is stored. */
  accept(): EventBatch {
    const event = acceptedEvent('default.a-request-id-0001');
    this.events.push(event);
    return batchOf(LOG_START, [event], false);
  }

  page = (_id: string, after: EventId): Promise<LogPage> => {
    const found = this.events.filter((event) => compareEventIds(event.id, after) > 0);
    const page = { events: found.slice(0, this.pageSize), full: found.length > this.pageSize };
    const { promise, resolve } = Promise.withResolvers<LogPage>();
    this.reads.push({ after, answer: () => resolve(page) });
    for (const wake of this.#asked.splice(0)) wake();
    return promise;
  };

  /** Answers the next read with the log's content at the time of the request. */
  async answerRead(): Promise<void> {
    if (this.reads.length === 0) await new Promise<void>((resolve) => this.#asked.push(resolve));
    this.reads.shift()?.answer();
    await settle();
  }
}

/** Runs everything that is ready. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

function follow(topic: Topic, after: EventId = LOG_START): Recorder {
  const recorder = new Recorder();
  const subscriber = new Subscriber(topic, after, recorder, () => undefined);
  recorder.subscription = subscriber;
  subscriber.resume();
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

  it('reads a page once for all subscribers that come together, and late ones miss nothing', async () => {
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

  it('reads again for a subscriber that comes after a loss', async () => {
    const { log, topic } = setup();
    log.append();
    follow(topic);
    topic.rewind();
    follow(topic);
    expect(log.reads).toHaveLength(2);
  });

  it('starts afresh, instead of reading for ever, when the log is gone that the channel goes on after', async () => {
    const { log, topic } = setup();
    const batches = [log.append(), log.append()];
    log.events.length = 0; // the job was erased
    const recorder = follow(topic);
    topic.receive(batches[1] as EventBatch);
    await log.answerRead();
    await log.answerRead();
    expect(recorder.types).toEqual(['reset']);
    await log.answerRead();
    expect([log.reads.length, topic.hasLive]).toEqual([0, true]);
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

  it('starts all subscribers again when the log ends before what they were given', async () => {
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
      return [0, ''];
    };
    const redis = new Proxy({}, { get: (_, command: string) => answer(command) });
    const hub = { subscribe: () => confirmation.promise, unsubscribe: () => undefined };
    const subscribers = new Subscribers(redis as RedisConnection, hub as unknown as ChannelHub, new KeySpace('test'));
    const job = { ref: 'default.a-request-id-0001', status: 'active', lastEventId: '1-1' } as const;
    const subscription = subscribers.follow(job, { after: LOG_START, sink: new Recorder() });
    await settle();
    expect(asked).toEqual([]);
    confirmation.resolve();
    await subscription;
    expect(asked).toEqual(['millrace:page']);
    subscribers.close();
  });
});

describe('a place before the job is stored (law 5)', () => {
  /** A place whose channel was confirmed while nothing was stored. */
  async function expected() {
    const { log, topic } = setup();
    const place = new Place(topic, Promise.resolve(), () => undefined);
    await place.confirmed;
    const accepted = log.accept();
    return { log, topic, place, accepted, recorder: new Recorder() };
  }

  it('gets everything from the channel alone', async () => {
    const { log, topic, place, accepted, recorder } = await expected();
    topic.receive(accepted);
    topic.receive(log.append());
    place.follow(recorder);
    topic.receive(log.append());
    expect(recorder.ids).toEqual(['0-1', '1-1', '1-2']);
    expect(log.reads).toHaveLength(0);
  });

  it('gives the first event without waiting for the channel, and once', async () => {
    const { log, topic, place, accepted, recorder } = await expected();
    place.follow(recorder);
    expect(recorder.ids).toEqual(['0-1']);
    topic.receive(accepted);
    topic.receive(log.append());
    expect(recorder.ids).toEqual(['0-1', '1-1']);
    expect(log.reads).toHaveLength(0);
  });

  it('reads what was lost with the subscription before it was taken', async () => {
    const { log, topic, place, recorder } = await expected();
    log.append();
    topic.resubscribed();
    await log.answerRead();
    place.follow(recorder);
    expect(recorder.ids).toEqual(['0-1', '1-1']);
  });

  it('reads what was lost with the first message after the start', async () => {
    const { log, topic, place, recorder } = await expected();
    log.append();
    topic.receive(log.append());
    place.follow(recorder);
    while (log.reads.length > 0) await log.answerRead();
    expect(recorder.ids).toEqual(['0-1', '1-1', '1-2']);
  });

  it('reads the log when more was published than is kept', async () => {
    const { log, topic, place, accepted, recorder } = await expected();
    topic.receive(accepted);
    for (let i = 0; i < 300; i++) topic.receive(log.append());
    place.follow(recorder);
    await log.answerRead();
    expect(recorder.ids).toEqual(log.events.map(({ id }) => id));
  });

  it('continues in the log when its reader is full at once', async () => {
    const { log, topic, place, accepted, recorder } = await expected();
    topic.receive(accepted);
    for (let i = 0; i < 3; i++) topic.receive(log.append());
    recorder.room = 2;
    const subscription = place.follow(recorder);
    expect(recorder.ids).toEqual(['0-1', '1-1']);
    recorder.room = Number.POSITIVE_INFINITY;
    subscription.resume();
    await log.answerRead();
    expect(recorder.ids).toEqual(['0-1', '1-1', '1-2', '1-3']);
  });

  it('reads the log when the job seemed lost before it was stored', async () => {
    const { log, topic, place, accepted, recorder } = await expected();
    place.lose();
    topic.receive(accepted);
    place.follow(recorder);
    await log.answerRead();
    expect(recorder.ids).toEqual(['0-1']);
  });

  it('does not take part when the job is already followed', async () => {
    const { log, topic } = setup();
    log.append();
    const first = follow(topic);
    await log.answerRead();
    const place = new Place(topic, Promise.resolve(), () => undefined);
    await place.confirmed;
    const recorder = new Recorder();
    place.follow(recorder);
    await log.answerRead();
    expect([first.ids, recorder.ids]).toEqual([['1-1'], ['1-1']]);
  });
});

describe('what the channel brings in one tick', () => {
  const payloadOf = ({ prev, events }: EventBatch, leaseToken: string) =>
    [`${prev} ${leaseToken}`, ...events.map(({ id, type, data }) => `${id} ${type} ${data}`)].join('\n');

  it('reaches the subscribers as one batch', async () => {
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
      {
        prev: LOG_START,
        last: '1-3',
        leaseToken: 'a',
        storedAt: null,
        replay: false,
        events: [first, ...later.slice(0, 2)],
      },
      { prev: '1-3', last: '1-4', leaseToken: 'a', storedAt: null, replay: false, events: later.slice(2) },
    ]);
  });

  it('is not joined across a gap, nor across a change of the attempt’s lease', async () => {
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
  it('is mended by one read of the log for all subscribers', async () => {
    const { log, topic } = setup();
    const recorders = [follow(topic), follow(topic), follow(topic)];
    await log.answerRead();
    topic.receive(log.append());
    log.append();
    topic.receive(log.append());
    topic.receive(log.append());
    expect(log.reads).toHaveLength(1);
    await log.answerRead();
    // what came during the read also had a gap before it: it is requested once more
    while (log.reads.length > 0) await log.answerRead();
    for (const recorder of recorders) expect(recorder.ids).toEqual(log.events.map(({ id }) => id));
  });
});

describe('another history (law 1)', () => {
  it('of the same attempt number starts everyone afresh, instead of joining on to the first (LibreChat #11842)', async () => {
    const { log, topic } = setup();
    const recorder = follow(topic);
    await log.answerRead();
    for (let i = 0; i < 3; i++) topic.receive({ ...log.append(), leaseToken: 'first' });
    log.events.length = 0;
    topic.receive({ ...log.append(), leaseToken: 'second' });
    await log.answerRead();
    topic.receive({ ...log.append(), leaseToken: 'second' });
    expect(recorder.ids).toEqual(['1-1', '1-2', '1-3', '0-0', '1-1', '1-2']);
  });
});

describe('a sink that throws', () => {
  it('ends alone: the other subscribers of the job miss nothing', async () => {
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
    expect(topic.subscribers.size).toBe(1);
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
    slow.subscription?.resume();
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
    recorder.subscription?.resume();
    expect(log.reads.map(({ after }) => after)).toEqual(['1-1']);
    await log.answerRead();
    expect(recorder.ids).toEqual(log.events.map(({ id }) => id));
  });
});
