import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@millrace/contracts';
import fc from 'fast-check';
import { AG_UI_FORMATS } from '../ag-ui/frames.ts';
import { aiSdkFormat } from '../ai-sdk/frames.ts';
import { messagesFormat } from '../anthropic/frames.ts';
import { chatFormat } from '../openai-chat/frames.ts';
import { responsesFormat } from '../openai-responses/frames.ts';
import type { EncodableBatch } from '../stream-format.ts';
import { answers, histories, JOB, repeatedAttempt } from '../testing/histories.ts';
import type { Projection } from './projection.ts';
import { ProjectionFormat } from './projection-format.ts';

const stream = { continues: false, approvals: true, whenVoid: 'error' } as const;
const formats: readonly (readonly [string, ProjectionFormat<never>])[] = [
  ['openai-chat', chatFormat({ includesUsage: true })],
  ['openai-responses', responsesFormat],
  ['anthropic', messagesFormat],
  ['ag-ui', AG_UI_FORMATS['1.0']],
  ['ai-sdk', aiSdkFormat({ ...stream, counted: false })],
  ['ai-sdk, counted', aiSdkFormat({ ...stream, counted: true })],
] as never;

/** The same protocol with a step for each event. */
function stepping<S>({ projection, options }: ProjectionFormat<S>): ProjectionFormat<S> {
  const { contentType } = projection;
  const slow: Projection<S> = {
    contentType,
    headers: (job) => projection.headers(job),
    initial: (job) => projection.initial(job),
    step: (state, event, context) => projection.step(state, event, context),
    diverged: (state, context) => projection.diverged(state, context),
  };
  return new ProjectionFormat(slow, options);
}

function bytesOf(format: ProjectionFormat<never>, batches: readonly EncodableBatch[]) {
  const encoder = format.connect(JOB);
  return batches.map((batch) => {
    const { bytes, outcome } = encoder.encode({ ...batch });
    return [bytes?.toString() ?? '', outcome];
  });
}

function batchesOf(log: readonly StoredEvent[], sizes: readonly number[], replay: boolean): EncodableBatch[] {
  const batches: EncodableBatch[] = [];
  for (let at = 0; at < log.length; ) {
    const size = sizes[batches.length % sizes.length] ?? 1;
    batches.push({ events: log.slice(at, at + size), replay });
    at += size;
  }
  return batches;
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 });
const logs = fc.oneof(
  histories,
  fc
    .tuple(answers, fc.double({ min: 0, max: 1, noNaN: true }), sizes, sizes)
    .map(([answer, lost, one, other]) =>
      repeatedAttempt({ told: answer.slice(0, Math.floor(lost * answer.length)), answer, one, other }),
    ),
);

describe('deltas that are told without a step', () => {
  it.each(formats)('are told as with one, byte for byte: %s (property)', (_, format) => {
    const slow = stepping(format);
    fc.assert(
      fc.property(logs, sizes, fc.boolean(), (log, lengths, replay) => {
        const batches = batchesOf(log, lengths, replay);
        expect(bytesOf(format, batches)).toEqual(bytesOf(slow, batches));
      }),
    );
  });

  it.each(formats)('are none where a log is corrupt, or an event has other fields: %s', (_, format) => {
    const slow = stepping(format);
    const begun: StoredEvent[] = [
      { id: '1-1', type: 'started', data: '{"attempt":1,"model":"m"}' },
      { id: '1-2', type: 'text', data: '{"text":"a"}' },
    ];
    for (const data of [
      ...[
        '{"text":"b","messageId":"m"}',
        '{"text":"b","x":"c"}',
        '{"text":""}',
        '{"text":"\\ud83d"}',
        '{"messageId":"m","text":"b"}',
      ],
      ...['{"text":"b\\"}', '{"text":"b', '{"text":"b\nc"}', '{"text":"b\rc""}', '{"text":"b"c"}', '{"text":5}'],
    ]) {
      const log: StoredEvent[] = [...begun, { id: '1-3', type: 'text', data }];
      const told = (of: ProjectionFormat<never>) => {
        try {
          return bytesOf(of, batchesOf(log, [1], false));
        } catch (error) {
          return (error as Error).name;
        }
      };
      expect([data, told(format)]).toEqual([data, told(slow)]);
    }
  });
});
