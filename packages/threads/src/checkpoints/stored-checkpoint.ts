import type { Checkpoint } from '@langchain/langgraph-checkpoint';
import { cut, join, splitNames } from './pieces.ts';

/** A value of at most this many bytes stands in the checkpoint itself. */
const MOST_INLINE_BYTES = 256;

/** A value as LangGraph's serializer gives it. */
export type TypedBytes = readonly [type: string, bytes: Uint8Array];

/** A channel's value: its text, or the names of its pieces. */
export type StoredValue = {
  readonly channel: string;
  readonly type: string;
  /** of the value once its pieces are together */
  readonly bytes: number;
} & ({ readonly text: string } | { readonly names: readonly string[] });

/** What a checkpoint holds besides its values. */
type CheckpointOutline = Omit<Checkpoint, 'channel_values'>;

/** A checkpoint, with names in the place of its large values. */
export interface StoredCheckpoint {
  readonly namespace: string;
  readonly parentId: string | null;
  /** the root graph's checkpoint that it belongs to; null: it is one, or none is known */
  readonly rootId: string | null;
  /** its delta channels are rebuilt from the writes at its ancestors */
  readonly needsAncestors: boolean;
  readonly outline: CheckpointOutline;
  /** JSON */
  readonly metadata: string;
  readonly values: readonly StoredValue[];
}

/** What a task has written at a checkpoint. */
export interface StoredWrite {
  readonly taskId: string;
  readonly path: string;
  /** its place among the task's writes; below 0 for an error, an interrupt or an answer */
  readonly number: number;
  /** of the attempt that has written it; '' for none */
  readonly claim: string;
  readonly channel: string;
  readonly value: TypedBytes;
  /** of a list of answers: how many earlier jobs have given */
  readonly earlierAnswers: number;
}

/** @param pieces gets the pieces of a large value */
export function storedValue(channel: string, [type, bytes]: TypedBytes, pieces: Map<string, Buffer>): StoredValue {
  if (type === 'json' && bytes.length <= MOST_INLINE_BYTES) {
    return { channel, type, bytes: bytes.length, text: Buffer.from(bytes).toString('utf8') };
  }
  return { channel, type, bytes: bytes.length, names: cut(bytes, pieces) };
}

/** @returns undefined: a piece is missing */
export function bytesOf(value: StoredValue, pieces: ReadonlyMap<string, Buffer>): TypedBytes | undefined {
  if ('text' in value) return [value.type, Buffer.from(value.text)];
  const bytes = join(value.names, (name) => pieces.get(name));
  return bytes && [value.type, bytes];
}

/** @returns the names of all pieces that it refers to itself, each once */
export function namesIn(values: readonly StoredValue[]): string[] {
  return [...new Set(values.flatMap((value) => ('names' in value ? value.names : [])))];
}

/** @returns the part of the record that only this file reads, as JSON */
export function jsonOf({ outline, metadata, values }: StoredCheckpoint): string {
  const stored = values.map((value) => [
    value.channel,
    value.type,
    'text' in value ? value.text : null,
    'names' in value ? value.names.join('') : '',
    value.bytes,
  ]);
  return JSON.stringify({ outline, metadata, values: stored });
}

interface RecordJson {
  readonly outline: CheckpointOutline;
  readonly metadata: string;
  readonly values: readonly (readonly [
    channel: string,
    type: string,
    text: string | null,
    names: string,
    bytes?: number,
  ])[];
}

/** @param record as `lua/checkpoint/put.lua` stores it: five lines and JSON */
export function parseRecord(namespace: string, record: string): StoredCheckpoint {
  const lines = record.split('\n', 5);
  const [parentId = '', rootId = '', , needsAncestors = ''] = lines;
  const json = record.slice(lines.reduce((length, line) => length + line.length + 1, 0));
  const { outline, metadata, values }: RecordJson = JSON.parse(json);
  return {
    ...{ namespace, outline, metadata },
    parentId: parentId === '' ? null : parentId,
    rootId: rootId === '' ? null : rootId,
    needsAncestors: needsAncestors === '1',
    values: values.map(([channel, type, text, names, bytes = 0]) => ({
      ...{ channel, type, bytes },
      ...(text === null ? { names: splitNames(names) } : { text }),
    })),
  };
}

/** @returns a write as Redis stores it after its claim: one line of JSON, and the value */
export function writeBytes({ channel, path, value: [type, bytes], earlierAnswers }: StoredWrite): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify([channel, path, type, earlierAnswers])}\n`), bytes]);
}

/** @param name `<task>\0<number>`
 *  @param stored a claim, then what {@link writeBytes} gives */
export function parseWrite(name: string, stored: Buffer): StoredWrite {
  const border = name.lastIndexOf('\0');
  const afterClaim = stored.indexOf('\n');
  const afterHead = stored.indexOf('\n', afterClaim + 1);
  const [channel, path, type, earlierAnswers = 0]: [string, string, string, number?] = JSON.parse(
    stored.toString('utf8', afterClaim + 1, afterHead),
  );
  return {
    ...{ channel, path, taskId: name.slice(0, border), number: Number(name.slice(border + 1)) },
    claim: stored.toString('utf8', 0, afterClaim),
    earlierAnswers,
    value: [type, stored.subarray(afterHead + 1)],
  };
}
