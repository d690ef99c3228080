import { eventId, type PipelineEventType, type StoredEvent, type StreamEvent } from '@millrace/contracts';
import fc from 'fast-check';

/** Text that may break framing: line ends, halves of characters, text that looks like a frame. */
const nastyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc
    .array(
      fc.constantFrom(
        '\n',
        '\r',
        '\n\n',
        '\0',
        '\u2028',
        '\ufeff',
        '\ud83d',
        '\ude00',
        'data: x',
        'id: 9-9',
        '"',
        '\\',
        ' ',
      ),
      { maxLength: 4 },
    )
    .map((parts) => parts.join('')),
);

const ofMessage = fc.constantFrom({}, {}, { messageId: 'm1' }, { messageId: 'm2' });
const callId = fc.constantFrom('c1', 'c2');
const usage = { inputTokens: 1, outputTokens: 2 };

const words: fc.Arbitrary<StreamEvent<PipelineEventType>> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(ofMessage, nastyText).map(([of, text]) => said('text', { ...of, text })) },
  { weight: 3, arbitrary: fc.tuple(ofMessage, nastyText).map(([of, text]) => said('reasoning', { ...of, text })) },
  { weight: 1, arbitrary: callId.map((id) => said('tool_call_start', { callId: id, name: 'look' })) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(ofMessage, callId, nastyText)
      .map(([of, id, args]) => said('tool_call_delta', { ...of, callId: id, arguments: args })),
  },
  { weight: 1, arbitrary: callId.map((id) => said('tool_call', { callId: id, name: 'look', arguments: '{"a":1}' })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(callId, nastyText)
      .map(([id, content]) => said('tool_result', { callId: id, name: 'look', content, isError: false })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('m1', 'm2').map((messageId) => said('message_start', { messageId, node: 'n' })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('m1', 'm2').map((messageId) => said('message_end', { messageId, finishReason: 'stop' })),
  },
  { weight: 1, arbitrary: nastyText.map((text) => said('custom', { name: 'note', data: { text } })) },
  { weight: 1, arbitrary: nastyText.map((text) => said('state', { mode: 'values', data: [text, null] })) },
  { weight: 1, arbitrary: nastyText.map((value) => said('interrupt', { interruptId: 'i1', value })) },
);

const ends: fc.Arbitrary<StreamEvent> = fc.constantFrom<StreamEvent>(
  { type: 'done', data: { finishReason: 'stop', usage, timings: { queueMs: 1, firstTokenMs: null, totalMs: 2 } } },
  { type: 'error', data: { code: 'MODEL_ERROR', message: 'no', retryable: true } },
  { type: 'cancelled', data: { by: 'owner' } },
);

/** Whole logs of jobs: up to three attempts, with or without text, then any terminal event. */
export const histories: fc.Arbitrary<StoredEvent[]> = fc
  .tuple(fc.array(fc.array(words, { maxLength: 12 }), { maxLength: 3 }), ends)
  .map(([attempts, end]) => {
    const log = [stored(0, 1, said('accepted', { id: JOB.id, status: 'queued' }))];
    attempts.forEach((spoken, index) => {
      const attempt = index + 1;
      const isAgain = attempts.slice(0, index).some((before) => before.length > 0);
      const events: StreamEvent[] = [
        ...(isAgain ? [said('reset', { attempt, reason: 'worker-lost' })] : []),
        said('started', { attempt, model: JOB.model }),
        ...spoken,
      ];
      log.push(...events.map((event, seq) => stored(attempt, seq + 1, event)));
    });
    const last = log.filter(({ id }) => id.startsWith(`${attempts.length}-`)).length;
    log.push(stored(attempts.length, last + 1, end));
    return log;
  });

/** Answers short and long, with halves of characters and what JSON escapes. */
export const answers: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .tuple(nastyText, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), fc.constantFrom(1, 20, 400))
    .map(([nasty, text, times]) => `${text}${nasty}`.repeat(times)),
);

/** A log whose first attempt was lost when it had said `told`, and whose second says the whole answer.
 *  @param one sizes of the deltas of the first attempt, repeated as often as needed; `other`: of the second */
export function repeatedAttempt({
  told,
  answer,
  one,
  other,
}: {
  readonly told: string;
  readonly answer: string;
  readonly one: readonly number[];
  readonly other: readonly number[];
}): StoredEvent[] {
  const timings = { queueMs: 1, firstTokenMs: null, totalMs: 2 };
  return [
    stored(0, 1, said('accepted', { id: JOB.id, status: 'queued' })),
    stored(1, 1, said('started', { attempt: 1, model: JOB.model })),
    ...piecesOf(told, one).map((text, index) => stored(1, index + 2, said('text', { text }))),
    stored(2, 1, said('reset', { attempt: 2, reason: 'worker-lost' })),
    stored(2, 2, said('started', { attempt: 2, model: JOB.model })),
    ...piecesOf(answer, other).map((text, index) => stored(2, index + 3, said('text', { text }))),
    stored(2, answer.length + 3, said('done', { finishReason: 'stop', usage, timings })),
  ];
}

/** @param sizes of the pieces, repeated as often as needed */
export function piecesOf(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const size = sizes[pieces.length % sizes.length] ?? 1;
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

/** The job of the {@link histories}. */
export const JOB = { id: 'job-of-the-histories', model: 'openai:m', createdAt: Date.UTC(2026, 0, 2), threadId: null };

function said<T extends StreamEvent['type']>(type: T, data: StreamEvent<T>['data']): StreamEvent<T> {
  return { type, data } as StreamEvent<T>;
}

function stored(attempt: number, seq: number, { type, data }: StreamEvent): StoredEvent {
  return { id: eventId(attempt, seq), type, data: JSON.stringify(data) };
}
