import { describe, expect, it } from '@jest/globals';
import { type Answer, answerAfter, NO_ANSWER, textOf } from './answer.ts';
import type { JobEvent } from './job-event.ts';

type Said = { [T in JobEvent['type']]: Omit<Extract<JobEvent, { type: T }>, 'id'> }[JobEvent['type']];

function answerOf(...events: readonly Said[]): Answer {
  return events.reduce((answer, event) => answerAfter(answer, { ...event, id: '1-1' } as JobEvent), NO_ANSWER);
}

const text = (said: string, messageId?: string): Said => ({ type: 'text', data: { text: said, messageId } });
const start = (messageId: string): Said => ({ type: 'message_start', data: { messageId, node: 'model' } });

describe('an answer', () => {
  it('joins text and reasoning, and keeps their order', () => {
    const { messages } = answerOf({ type: 'reasoning', data: { text: 'Hm' } }, text('The '), text('sky'));
    expect(messages.map(({ parts }) => parts)).toEqual([
      [
        { type: 'reasoning', text: 'Hm' },
        { type: 'text', text: 'The sky' },
      ],
    ]);
    expect(textOf(messages)).toBe('The sky');
  });

  it('shows a call while it is written, and its result where the call stands', () => {
    const written = answerOf(
      start('m1'),
      { type: 'tool_call_start', data: { callId: 'c1', name: 'look' } },
      { type: 'tool_call_delta', data: { callId: 'c1', arguments: '{"at"' } },
    );
    const call = { type: 'tool', callId: 'c1', name: 'look' };
    expect(written.messages[0]?.parts).toEqual([{ ...call, arguments: '{"at"', state: 'writing', result: null }]);
    const events: JobEvent[] = [
      { id: '1-4', type: 'tool_call', data: { callId: 'c1', name: 'look', arguments: '{"at":1}' } },
      { id: '1-5', type: 'message_start', data: { messageId: 'm2' } },
      { id: '1-6', type: 'tool_result', data: { callId: 'c1', name: 'look', content: 'a cat', isError: false } },
    ];
    const answered = events.reduce(answerAfter, written);
    const parts = [{ ...call, arguments: '{"at":1}', state: 'answered', result: 'a cat' }];
    expect(answered.messages).toMatchObject([
      { id: 'm1', node: 'model', parts },
      { id: 'm2', parts: [] },
    ]);
  });

  it('tells messages apart that are open at once, and leaves the others as they are', () => {
    const before = answerOf(start('m1'), start('m2'), text('b', 'm2'));
    const later = answerAfter(before, { id: '1-9', type: 'text', data: { text: 'a', messageId: 'm1' } });
    expect(later.messages.map((message) => textOf([message]))).toEqual(['a', 'b']);
    expect(later.messages[1]).toBe(before.messages[1]);
    expect(textOf(before.messages)).toBe('b');
  });

  it('forgets at a reset what was said, and remembers why', () => {
    const lost = { attempt: 2, reason: 'worker-lost' } as const;
    const answer = answerOf(text('void'), { type: 'reset', data: lost }, text('good'));
    expect(textOf(answer.messages)).toBe('good');
    expect(answer.restarts).toEqual([lost]);
  });

  it('ends with what the terminal event says', () => {
    const usage = { inputTokens: 1, outputTokens: 2 };
    const timings = { queueMs: 1, firstTokenMs: 2, totalMs: 3 };
    const done = answerOf(text('a'), { type: 'done', data: { finishReason: 'stop', usage, timings } });
    expect(done).toMatchObject({ status: 'completed', finishReason: 'stop', usage, timings });
    expect(done.messages[0]?.isComplete).toBe(true);
    const error = { code: 'TIMEOUT', message: 'too long', retryable: true } as const;
    expect(answerOf({ type: 'error', data: error })).toMatchObject({ status: 'failed', error });
    expect(answerOf({ type: 'cancelled', data: { by: 'admin' } })).toMatchObject({
      status: 'cancelled',
      cancelledBy: 'admin',
    });
  });

  it('keeps questions, states and what else a pipeline writes', () => {
    const question = { interruptId: 'i1', value: 'Book it?' };
    const answer = answerOf(
      { type: 'started', data: { attempt: 1, model: 'sim:one' } },
      { type: 'custom', data: { name: 'step', data: 1 } },
      { type: 'state', data: { mode: 'values', data: { a: 1 } } },
      { type: 'interrupt', data: question },
    );
    expect(answer).toMatchObject({ status: 'active', questions: [question], states: { values: { a: 1 } } });
    expect(answer.messages[0]?.parts).toEqual([{ type: 'custom', name: 'step', data: 1 }]);
  });
});
