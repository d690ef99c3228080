/** What a format's encoder costs: in one process, without Redis and sockets. */
import type { StoredEvent } from '@millrace/contracts';
import {
  AG_UI_FORMATS,
  aiSdkFormat,
  chatFormat,
  DurableStreamFormat,
  langGraphFormat,
  messagesFormat,
  NativeFormat,
  responsesFormat,
  type StreamFormat,
} from '@millrace/protocols';
import type { Figures } from '../speed/figures.ts';
import { SHAPES, type Shape } from './shapes.ts';

/** Whose cost is compared, the native format first. */
const FORMATS: Readonly<Record<string, StreamFormat>> = {
  native: new NativeFormat({ retryMs: 1_000 }),
  'openai-chat': chatFormat({ includesUsage: true }),
  'ai-sdk': aiSdkFormat({ continues: false, counted: false, approvals: true, whenVoid: 'break' }),
  langgraph: langGraphFormat({ modes: new Set(['messages-tuple']), subgraphs: false }),
  'durable-streams': new DurableStreamFormat({ cursor: '1', upToDateAt: null }),
  'openai-responses': responsesFormat,
  'ag-ui': AG_UI_FORMATS['1.0'],
  anthropic: messagesFormat,
};

const JOB = { id: 'job-0123456789abcdef', model: 'openai:gpt-4o-mini', createdAt: 1_790_000_000_000, threadId: null };
const TOKENS = 1_024;
const ANSWERS = 60;
const WORDS = [
  ' the',
  ' stream',
  ' of',
  ' tokens',
  ' goes',
  ',',
  ' on',
  '.\n',
  ' and',
  ' never',
  ' stops',
  ':',
  ' café',
];
const BEGINNING: readonly StoredEvent[] = [
  { id: '0-1', type: 'accepted', data: '{"id":"job-0123456789abcdef","status":"queued"}' },
  { id: '1-1', type: 'started', data: '{"attempt":1,"model":"openai:gpt-4o-mini"}' },
  { id: '1-2', type: 'text', data: '{"text":"Well"}' },
];

/** Encodes the same answers in each format, in turns.
 *  @returns by format: µs of processor time for a token, by the id of its shape */
export function measureEncoders(): Map<string, Figures> {
  const costs = new Map<string, Record<string, number>>(Object.keys(FORMATS).map((id) => [id, {}]));
  for (const shape of SHAPES) {
    const answer = answerIn(shape);
    for (const [id, format] of Object.entries(FORMATS))
      (costs.get(id) ?? {})[shape.id] = microsPerToken(format, answer);
  }
  return costs;
}

/** Of the midst of an answer: its beginning and its end cost the same, however many tokens it has. */
function microsPerToken(format: StreamFormat, answer: readonly (readonly StoredEvent[])[]): number {
  const encoders = Array.from({ length: ANSWERS }, () => format.connect(JOB));
  for (const encoder of encoders) encoder.encode({ events: BEGINNING, replay: false });
  const before = process.cpuUsage();
  for (const encoder of encoders) for (const events of answer) encoder.encode({ events, replay: false });
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (ANSWERS * TOKENS);
}

/** The tokens of an answer, as they come. */
function answerIn({ perEvent, perBatch }: Shape): StoredEvent[][] {
  const batches: StoredEvent[][] = [];
  for (let token = 0, seq = 3; token < TOKENS; ) {
    const events: StoredEvent[] = [];
    for (; events.length < perBatch; seq += 1, token += perEvent) {
      const said = Array.from({ length: perEvent }, (_, nth) => WORDS[(token + nth) % WORDS.length]);
      events.push({ id: `1-${seq}`, type: 'text', data: textData(said.join('')) });
    }
    batches.push(events);
  }
  return batches;
}

/** As it comes from Redis: one flat string. */
function textData(text: string): string {
  return Buffer.from(JSON.stringify({ text })).toString();
}
