import type { ThreadRef } from '@millrace/contracts';
import { type ContentCipher, ContentUnreadable, isSealed, type PlaceCipher, type Sealer } from '@millrace/stream-log';
import { cipherOf } from '../thread-content.ts';
import { isNode, mayBeNamed, type PieceDigest } from './pieces.ts';
import {
  jsonOf,
  parseRecord,
  parseWrite,
  type StoredCheckpoint,
  type StoredWrite,
  splitRecord,
  splitWrite,
  type WriteName,
  writeBytes,
} from './stored-checkpoint.ts';

/** What is sealed names its key within its first bytes. */
const MOST_HEAD_BYTES = 16;

/** Encrypts what the checkpoints of one thread hold, and decrypts it. What the scripts read stays outside: names, claims and which
 *  piece refers to which. It is sealed together with the content, so that neither can be exchanged alone. */
export class CheckpointCipher {
  readonly #content: PlaceCipher;
  /** has a key of its own, which names pieces and seals nothing */
  readonly #names: PlaceCipher;

  constructor(
    cipher: ContentCipher,
    readonly ref: ThreadRef,
  ) {
    this.#content = cipherOf(cipher, ref);
    this.#names = cipher.at(this.#content.tenant, `${this.#content.place} pieces`);
  }

  /** @returns null: nothing is encrypted
   *  @throws ContentUnreadable */
  async sealer(): Promise<CheckpointSealer | null> {
    const sealer = await this.#content.sealerAtHand();
    return sealer && new CheckpointSealer(sealer);
  }

  /** @returns what names the pieces of encrypted values; undefined: nothing is encrypted */
  async digest(): Promise<PieceDigest | undefined> {
    const sealer = await this.#names.sealerAtHand();
    return sealer === null ? undefined : (piece) => sealer.digest(piece);
  }

  /** @throws ContentUnreadable */
  async openRecord(namespace: string, id: string, record: Buffer): Promise<StoredCheckpoint & { isSealed: boolean }> {
    const [lines, content] = splitRecord(namespace, record);
    const about = aboutCheckpoint({ ...lines, id });
    const json = isSealed(content) ? await this.#content.openBytes(content, about) : content;
    return { ...parseRecord(lines, json.toString('utf8')), isSealed: isSealed(content) };
  }

  /** @throws ContentUnreadable */
  async openWrite(at: string, name: string, stored: Buffer): Promise<StoredWrite> {
    const [write, content] = splitWrite(name, stored);
    const bytes = isSealed(content) ? await this.#content.openBytes(content, aboutWrite(at, write)) : content;
    return parseWrite(write, bytes);
  }

  /** @throws ContentUnreadable */
  async openPieces(stored: readonly (readonly [string, Buffer])[]): Promise<Map<string, Buffer>> {
    const pieces = new Map(stored);
    const sealed = stored.filter(([, piece]) => isSealed(piece));
    if (sealed.length === 0) return pieces;
    await Promise.all(
      sealed.map(async ([name, piece]) => pieces.set(name, await this.#content.openBytes(piece, aboutPiece(name)))),
    );
    const digest = await this.#digestBeside(sealed[0]?.[1]);
    const altered = stored.find(([name, piece]) => isNode(piece) && !mayBeNamed(name, piece, digest));
    if (altered !== undefined) {
      throw new ContentUnreadable('altered', `a piece of ${this.#content.place} is not what was stored there`);
    }
    return pieces;
  }

  /** @param piece that is sealed
   *  @returns what has named it; null: not known */
  async #digestBeside(piece: Buffer | undefined): Promise<PieceDigest | null> {
    const sealer = await this.#names.sealer(piece?.toString('latin1', 0, MOST_HEAD_BYTES));
    return sealer && ((bytes) => sealer.digest(bytes));
  }
}

/** Seals what is to be stored of a thread's checkpoints. */
export class CheckpointSealer {
  constructor(readonly sealer: Sealer) {}

  record(checkpoint: StoredCheckpoint): Buffer {
    const about = aboutCheckpoint({ ...checkpoint, id: checkpoint.outline.id });
    return this.sealer.sealBytes(Buffer.from(jsonOf(checkpoint)), about);
  }

  /** @param at namespace and id of the checkpoint
   *  @param claim of the attempt that writes */
  write(at: string, write: StoredWrite, claim: string): Buffer {
    return this.sealer.sealBytes(writeBytes(write), aboutWrite(at, { ...write, claim }));
  }

  piece(name: string, piece: Buffer): Buffer {
    return isNode(piece) ? piece : this.sealer.sealBytes(piece, aboutPiece(name));
  }
}

/** @returns how a checkpoint is named to the cipher */
export function placeOf(namespace: string, id: string): string {
  return `${namespace}\0${id}`;
}

function aboutCheckpoint({
  namespace,
  id,
  parentId,
  rootId,
  needsAncestors,
}: Pick<StoredCheckpoint, 'namespace' | 'parentId' | 'rootId' | 'needsAncestors'> & { id: string }): string {
  return ['checkpoint', placeOf(namespace, id), parentId ?? '', rootId ?? '', needsAncestors ? '1' : ''].join('\0');
}

function aboutWrite(at: string, { taskId, number, claim }: WriteName): string {
  return ['write', at, taskId, number, claim].join('\0');
}

function aboutPiece(name: string): string {
  return `piece\0${name}`;
}
