import { hash } from 'node:crypto';

/** Length of a piece's name: 128 bits of a digest as base64url. */
const NAME_LENGTH = 22;

/** A piece of a value ends where the hash of its last bytes says so, so that two values that differ in one place have all
 *  other pieces in common. Bytes: at least, on average (a power of two), at most. */
const LEAST_BYTES = 512;
const AVERAGE_BITS = 11;
const MOST_BYTES = 8_192;

/** Names of pieces that a list holds before a further level of pieces takes them in. */
const MOST_NAMES = 32;
const LEAST_CHILDREN = 4;
const MOST_CHILDREN = 64;

const LEAF = 0x4c;
const NODE = 0x4e;

/** A random number for each byte, the same in every process. */
const GEAR = Uint32Array.from({ length: 256 }, (_, byte) =>
  Number.parseInt(hash('sha256', `millrace gear ${byte}`).slice(0, 8), 16),
);

/** @returns a digest of a piece, at least 16 bytes: what it is named by */
export type PieceDigest = (piece: Buffer) => Buffer;

/** Of pieces that are not encrypted. */
const sha256: PieceDigest = (piece) => hash('sha256', piece, 'buffer');

/** Cuts a value into pieces that are named by their content. Long lists of names become pieces themselves.
 *  @param digest default: SHA-256
 *  @param pieces gets every piece by its name: what Redis stores, `L` and bytes, or `N` and the names of further pieces
 *  @returns the names that stand for the value, in order */
export function cut(value: Uint8Array, pieces: Map<string, Buffer>, digest: PieceDigest = sha256): string[] {
  let names: string[] = [];
  for (let start = 0; start < value.length; ) {
    const end = endOfPiece(value, start);
    names.push(keep(LEAF, value.subarray(start, end), pieces, digest));
    start = end;
  }
  while (names.length > MOST_NAMES) {
    names = groups(names).map((group) => keep(NODE, Buffer.from(group.join('')), pieces, digest));
  }
  return names;
}

/** Puts a value together again.
 *  @param pieceOf gives a piece as Redis stores it; undefined: it is not there
 *  @returns undefined when a piece is not there */
export function join(names: readonly string[], pieceOf: (name: string) => Buffer | undefined): Buffer | undefined {
  const leaves: Buffer[] = [];
  const collect = (name: string): boolean => {
    const piece = pieceOf(name);
    if (piece === undefined) return false;
    if (isNode(piece)) return splitNames(piece.toString('latin1', 1)).every(collect);
    leaves.push(piece.subarray(1));
    return true;
  };
  return names.every(collect) ? Buffer.concat(leaves) : undefined;
}

/** @returns whether a piece holds names of further pieces, which the scripts read */
export function isNode(piece: Buffer): boolean {
  return piece[0] === NODE;
}

/** @param digest null: not known
 *  @returns whether a piece may have this name */
export function mayBeNamed(name: string, piece: Buffer, digest: PieceDigest | null): boolean {
  return digest === null || name === nameOf(piece, digest) || name === nameOf(piece, sha256);
}

/** @param names without separator, as a node or a checkpoint holds them */
export function splitNames(names: string): string[] {
  return Array.from({ length: names.length / NAME_LENGTH }, (_, nth) =>
    names.slice(nth * NAME_LENGTH, (nth + 1) * NAME_LENGTH),
  );
}

function endOfPiece(value: Uint8Array, start: number): number {
  const most = Math.min(start + MOST_BYTES, value.length);
  let rolling = 0;
  for (let at = start + LEAST_BYTES; at < most; at++) {
    rolling = ((rolling << 1) + (GEAR[value[at] ?? 0] ?? 0)) | 0;
    if (rolling >>> (32 - AVERAGE_BITS) === 0) return at + 1;
  }
  return most;
}

function keep(kind: number, bytes: Uint8Array, pieces: Map<string, Buffer>, digest: PieceDigest): string {
  const piece = Buffer.allocUnsafe(bytes.length + 1);
  piece[0] = kind;
  piece.set(bytes, 1);
  const name = nameOf(piece, digest);
  if (!pieces.has(name)) pieces.set(name, piece);
  return name;
}

function nameOf(piece: Buffer, digest: PieceDigest): string {
  return digest(piece).subarray(0, 16).toString('base64url');
}

/** Groups names by content as well: a group ends after every 16th name on average. */
function groups(names: readonly string[]): string[][] {
  const all: string[][] = [];
  let group: string[] = [];
  for (const name of names) {
    group.push(name);
    const ends = group.length >= LEAST_CHILDREN && 'AQgw'.includes(name.charAt(0));
    if (ends || group.length === MOST_CHILDREN) {
      all.push(group);
      group = [];
    }
  }
  if (group.length > 0) all.push(group);
  return all;
}
