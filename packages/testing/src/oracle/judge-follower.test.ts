import { describe, expect, it } from '@jest/globals';
import type { SseEvent } from '../http/read-sse.ts';
import { type Followed, judgeFollower, judgeFollowerOfDeleted, type ThreadJob } from './judge-follower.ts';

const event = (id: string, name: string, data: object = {}): SseEvent => ({ id, event: name, data, at: 0 });

/** A job that says two words. */
function job(id: string): ThreadJob {
  const log = [event('0-1', 'accepted'), event('1-1', 'started'), event('1-2', 'message', { text: 'one ' })];
  return { id, log: [...log, event('1-3', 'message', { text: 'two' }), event('1-4', 'done')] };
}

const jobs = ['a', 'b', 'c'].map(job);
const given = jobs.map(({ id, log }) => log.map((entry) => ({ ...entry, id: `${id}/${entry.id}` })));
const whole = given.flat();
const [a = [], b = [], c = []] = given;

function defects(events: readonly SseEvent[], more: Partial<Followed> = {}): string[] {
  return judgeFollower({ name: 'device', events, begins: '0/0-0', ...more }, jobs).map(({ defect }) => defect);
}

describe('judgeFollower', () => {
  it('lets pass every job from the beginning, from a job, and from the end of one', () => {
    expect(defects(whole)).toEqual([]);
    expect(defects([...b, ...c], { begins: 'b/0-0' })).toEqual([]);
    expect(defects(c, { begins: 'b/1-4' })).toEqual([]);
    expect(defects([], { begins: 'c/1-4' })).toEqual([]);
  });

  it('lets pass texts that came as one, one that left, and answers of 503', () => {
    const merged = [...a.slice(0, 2), event('a/1-3', 'message', { text: 'one two' }), ...a.slice(4), ...b, ...c];
    expect(defects(merged)).toEqual([]);
    expect(defects([...a, ...b.slice(0, 3)], { left: true })).toEqual([]);
    expect(defects([], { begins: null, left: true })).toEqual([]);
    expect(defects(whole, { refusals: [0, 503] })).toEqual([]);
  });

  it.each<[string, string, readonly SseEvent[], Partial<Followed>]>([
    ['lost', 'a job', [...a, ...c], {}],
    ['lost', 'an event of a job', [...a.slice(0, 1), ...a.slice(2), ...b, ...c], {}],
    ['lost', 'a text of a job', [...a, ...b.slice(0, 2), ...b.slice(3), ...c], {}],
    ['lost', 'a log', [...a, event('b/0-0', 'reset', { reason: 'log-lost' }), ...b, ...c], {}],
    ['lost', 'a thread that the reader does not find', whole, { refusals: [404] }],
    ['repeated', 'a job', [...a, ...a, ...b, ...c], {}],
    ['repeated', 'a job before its turn', [...b, ...a, ...c], {}],
    ['repeated', 'an event', [...a.slice(0, 2), ...a.slice(1), ...b, ...c], {}],
    ['hung', 'the last job', [...a, ...b], {}],
    ['hung', 'the end of the last job', whole.slice(0, -1), {}],
    ['hung', 'the end of a job before the last', [...a.slice(0, -1), ...b, ...c], {}],
    ['hung', 'an answer', [], { begins: null }],
    ['zombie', 'a job of another thread', [...whole, event('z/0-1', 'accepted')], {}],
    ['double-ended', 'a job', [...a, event('a/1-5', 'cancelled'), ...b, ...c], {}],
  ])('counts as %s: %s', (defect, _name, events, more) => {
    expect(defects(events, more)).toContain(defect);
  });
});

describe('judgeFollowerOfDeleted', () => {
  const defectsOf = (events: readonly SseEvent[]) => {
    return judgeFollowerOfDeleted({ name: 'device', events }).map(({ defect }) => defect);
  };

  it('lets pass any part of it up to the end, and a loss that is told', () => {
    expect(defectsOf([...a, ...b.slice(0, 3), event('b/1-3', 'cancelled')])).toEqual([]);
    expect(defectsOf(b.slice(0, 3))).toEqual([]);
    expect(defectsOf([...a, event('b/0-0', 'reset', { reason: 'log-lost' }), ...a])).toEqual([]);
  });

  it.each<[string, string, readonly SseEvent[]]>([
    ['repeated', 'a job', [...a, ...b, ...a]],
    ['repeated', 'an event', [...a.slice(0, 3), ...a.slice(2)]],
    ['lost', 'the end of a job', [...a.slice(0, 3), ...b]],
    ['double-ended', 'a job', [...a, event('a/1-5', 'cancelled')]],
  ])('counts as %s: %s', (defect, _name, events) => {
    expect(defectsOf(events)).toContain(defect);
  });
});
