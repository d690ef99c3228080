import type { Checkpoint } from '@langchain/langgraph-checkpoint';
import { cut, join, type PieceDigest, splitNames } from './pieces.ts';

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

/** @param pieces gets the pieces of a large value
 *  @param digest names them; default: as if nothing is encrypted */
export function storedValue(
  channel: string,
  [type, bytes]: TypedBytes,
  pieces: Map<string, Buffer>,
  digest?: PieceDigest,
): StoredValue {
  if (type === 'json' && bytes.length <= MOST_INLINE_BYTES) {
    return { channel, type, bytes: bytes.length, text: Buffer.from(bytes).toString('utf8') };
  }
  return { channel, type, bytes: bytes.length, names: cut(bytes, pieces, digest) };
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

/** What of a checkpoint the scripts read. */
type RecordLines = Pick<StoredCheckpoint, 'namespace' | 'parentId' | 'rootId' | 'needsAncestors'>;

/** @param record as `lua/checkpoint/put.lua` stores it: five lines, and what {@link jsonOf} gives, or that sealed */
export function splitRecord(namespace: string, record: Buffer): [lines: RecordLines, content: Buffer] {
  const lines: string[] = [];
  let start = 0;
  while (lines.length < 5) {
    const end = record.indexOf('\n', start);
    lines.push(record.toString('utf8', start, end));
    start = end + 1;
  }
  const [parentId = '', rootId = '', , needsAncestors = ''] = lines;
  return [
    {
      namespace,
      parentId: parentId === '' ? null : parentId,
      rootId: rootId === '' ? null : rootId,
      needsAncestors: needsAncestors === '1',
    },
    record.subarray(start),
  ];
}

/** @param json as {@link jsonOf} gives it */
export function parseRecord(lines: RecordLines, json: string): StoredCheckpoint {
  const { outline, metadata, values }: RecordJson = JSON.parse(json);
  return {
    ...{ ...lines, outline, metadata },
    values: values.map(([channel, type, text, names, bytes = 0]) => ({
      ...{ channel, type, bytes },
      ...(text === null ? { names: splitNames(names) } : { text }),
    })),
  };
}

/** @returns a write as Redis stores it after its claim, sealed or not: one line of JSON, and the value */
export function writeBytes({ channel, path, value: [type, bytes], earlierAnswers }: StoredWrite): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify([channel, path, type, earlierAnswers])}\n`), bytes]);
}

/** Names a write at a checkpoint, and the attempt that wrote it. */
export type WriteName = Pick<StoredWrite, 'taskId' | 'number' | 'claim'>;

/** @param name `<task>\0<number>`
 *  @param stored a claim, then what {@link writeBytes} gives, or that sealed */
export function splitWrite(name: string, stored: Buffer): [name: WriteName, content: Buffer] {
  const border = name.lastIndexOf('\0');
  const afterClaim = stored.indexOf('\n');
  return [
    {
      taskId: name.slice(0, border),
      number: Number(name.slice(border + 1)),
      claim: stored.toString('utf8', 0, afterClaim),
    },
    stored.subarray(afterClaim + 1),
  ];
}

/** @param bytes as {@link writeBytes} gives them */
export function parseWrite(name: WriteName, bytes: Buffer): StoredWrite {
  const afterHead = bytes.indexOf('\n');
  const [channel, path, type, earlierAnswers = 0]: [string, string, string, number?] = JSON.parse(
    bytes.toString('utf8', 0, afterHead),
  );
  return { ...name, channel, path, earlierAnswers, value: [type, bytes.subarray(afterHead + 1)] };
}
