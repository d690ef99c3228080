import { describe, expect, it } from '@jest/globals';
import type { JobEvent } from '../job-event.ts';
import type { JobView } from '../job-view.ts';
import type { ThreadMessage } from '../thread-view.ts';
import { Draft } from './draft.ts';
import { Transcript } from './transcript.ts';

const asked = (jobId: string, content: string): ThreadMessage => ({
  ...{ role: 'user', content, jobId, messageId: `${jobId}-asked-${content}` },
});
const said = (jobId: string, content: string): ThreadMessage => ({
  ...{ role: 'assistant', content, jobId, messageId: `${jobId}-said-${content}` },
});
const text = (words: string): JobEvent => ({ id: '1-2', type: 'text', data: { text: words } });
const STARTED: JobEvent = { id: '1-1', type: 'started', data: { attempt: 1, model: 'openai:m' } };

function lines(transcript: Transcript): string[] {
  return transcript.messages().map(({ role, parts }) => `${role} ${parts.map((each) => JSON.stringify(each)).join()}`);
}
const words = (role: string, ...texts: string[]) =>
  `${role} ${texts.map((each) => JSON.stringify({ type: 'text', text: each })).join()}`;

describe('a transcript', () => {
  it('joins what one job said to one answer, and keeps apart what it brought', () => {
    const transcript = new Transcript();
    // a conversation that was moved here: one job brought all of it but the last answer
    const history = [asked('a', 'q1'), said('a', 'r1'), asked('a', 'q2'), said('a', 'r2'), said('a', 'r3')];
    transcript.store([...history, asked('b', 'q3'), said('b', 'r4')]);
    expect(lines(transcript)).toEqual([
      ...[words('user', 'q1'), words('assistant', 'r1'), words('user', 'q2'), words('assistant', 'r2', 'r3')],
      ...[words('user', 'q3'), words('assistant', 'r4')],
    ]);
    expect(new Set(transcript.messages().map(({ id }) => id)).size).toBe(6);
  });

  it('believes events more than what is stored, and puts an answer after its question', () => {
    const transcript = new Transcript();
    transcript.turn('a').apply(STARTED);
    transcript.turn('a').apply(text('so far'));
    expect(lines(transcript)).toEqual([words('assistant', 'so far')]);
    transcript.store([asked('a', 'q'), said('a', 'so')]);
    expect(lines(transcript)).toEqual([words('user', 'q'), words('assistant', 'so far')]);
  });

  it('keeps each message that has not changed, and the id that it had before it was stored', () => {
    const transcript = new Transcript();
    transcript.store([asked('a', 'q'), said('a', 'r')]);
    const draft = new Draft({ query: 'next' }, 'next');
    transcript.drafts = [draft];
    const first = transcript.messages();
    expect(first.at(-1)).toMatchObject({ id: draft.id, state: 'sending', messageId: null });
    draft.jobId = 'b';
    draft.is('sent');
    transcript.turn('b').apply(STARTED);
    transcript.store([...transcript.stored, asked('b', 'next')]);
    const second = transcript.messages();
    expect(second.slice(0, 2).every((message, place) => message === first[place])).toBe(true);
    expect(second[2]).toMatchObject({ id: draft.id, state: 'sent', messageId: 'b-asked-next' });
    expect(transcript.drafts).toEqual([]);
    transcript.turn('b').apply(text('x'));
    const third = transcript.messages();
    expect(third.slice(0, 3).every((message, place) => message === second[place])).toBe(true);
    expect(third[3]).not.toBe(second[3]);
  });

  it('shows calls of tools with their results', () => {
    const transcript = new Transcript();
    const toolCalls = [{ callId: 'c', name: 'find', arguments: '{}' }];
    transcript.store([
      asked('a', 'q'),
      { ...said('a', ''), toolCalls },
      { role: 'tool', content: 'found', toolCallId: 'c', jobId: 'a' },
      said('a', 'Here.'),
    ]);
    const { parts } = transcript.messages()[1] ?? {};
    expect(parts).toMatchObject([
      { type: 'tool', callId: 'c', name: 'find', state: 'answered', result: 'found' },
      { type: 'text', text: 'Here.' },
    ]);
  });

  it('shows an answer of which nothing is stored only while it is open, or alone', () => {
    const transcript = new Transcript();
    const record = { status: 'completed', finishedAt: '2026-01-01T00:00:00Z', createdAt: '2026-01-01T00:00:00Z' };
    const look = (id: string, more: object) =>
      transcript
        .turn(id)
        .look({ id, startedAt: null, firstTokenAt: null, interrupts: [], ...record, ...more } as never as JobView);
    look('forgotten', {});
    look('cancelled', { status: 'cancelled' });
    look('waiting', { status: 'queued', finishedAt: null, queuePosition: 3 });
    expect(transcript.messages().map(({ id }) => id)).toEqual(['forgotten', 'waiting']);
    transcript.store([asked('a', 'q')]);
    expect(transcript.messages().map(({ id }) => id)).toEqual(['a-asked-q', 'waiting']);
    expect(transcript.messages()[1]).toMatchObject({ status: 'queued', queuePosition: 3 });
  });

  it('knows how an answer was asked after its events were lost, and asks for the records of what had not ended', () => {
    const transcript = new Transcript();
    const record = (id: string, status: JobView['status']) =>
      ({
        id,
        status,
        pipeline: 'asking',
        model: 'openai:m',
        interrupts: [],
        createdAt: '2026-01-01',
      }) as unknown as JobView;
    transcript.turn('ended').look(record('ended', 'completed'));
    transcript.turn('open').look(record('open', 'active'));
    for (const id of ['ended', 'open', 'unseen']) transcript.turn(id).apply(STARTED);
    transcript.turn('ended').apply({ id: '1-2', type: 'cancelled', data: { by: 'owner' } } as JobEvent);
    expect(transcript.restart()).toEqual(['open', 'unseen']);
    const known = [...transcript.turns.values()].map(({ id, record: kept }) => [id, kept?.pipeline, kept?.model]);
    expect(known).toEqual(['ended', 'open'].map((id) => [id, 'asking', 'openai:m']));
    // its record is gone, too: nothing more will come of it
    transcript.settle('open', false);
    expect([...transcript.turns.keys()]).toEqual(['ended']);
  });
});
