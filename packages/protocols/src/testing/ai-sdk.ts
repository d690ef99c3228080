import { createParser } from 'eventsource-parser';
import { ANSWER, type Frame, type Said } from './conformance.ts';

type Chunk = { readonly type: string } & Readonly<Record<string, unknown>>;

/** The chunks of a UI message stream, without the `[DONE]` after the last. */
export function chunksIn(body: Buffer | string): Chunk[] {
  return dataIn(body)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data) as Chunk);
}

/** Reads a UI message stream as the AI SDK does, and checks the order that it insists on.
 *  @param first number of the first frame
 *  @param kind the cursor of the format */
export function readAiSdk(body: Buffer, kind: 'frame' | 'none'): Frame[] {
  return dataIn(body).map((data, index) => {
    const cursor = kind === 'frame' ? String(index + 1) : null;
    return { cursor, said: data === '[DONE]' ? [] : saidIn(JSON.parse(data) as Chunk) };
  });
}

function dataIn(body: Buffer | string): string[] {
  const found: string[] = [];
  const parser = createParser({ onEvent: ({ data }) => found.push(data), maxBufferSize: 4_000_000 });
  parser.feed(typeof body === 'string' ? body : new TextDecoder().decode(body));
  return found;
}

function saidIn({ type, ...rest }: Chunk): Said[] {
  const piece = (of: string, text: unknown): Said[] => [{ kind: 'piece', of, text: String(text) }];
  if (type === 'text-delta') return piece(`${ANSWER} ${String(rest['id'])}`, rest['delta']);
  if (type === 'reasoning-delta') return piece(`reasoning ${String(rest['id'])}`, rest['delta']);
  if (type === 'tool-input-delta') return piece(`input ${String(rest['toolCallId'])}`, rest['inputTextDelta']);
  const fact: Said = { kind: 'fact', fact: JSON.stringify({ type, ...rest }) };
  if (type === 'error' || type === 'abort') return [fact, { kind: 'end', isSuccess: false }];
  const isFailure = rest['finishReason'] === 'error' || 'cancelled' in ((rest['messageMetadata'] ?? {}) as object);
  return type === 'finish' ? [fact, { kind: 'end', isSuccess: !isFailure }] : [fact];
}
