import type { Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { ByteSink } from './answer-source.ts';

/** A body is not what its encoding says, or nobody knows the encoding. */
class UndecodableAnswer extends Error {
  override readonly name = 'UndecodableAnswer';
  readonly code = 'UNDECODABLE_ANSWER';
}

/** Takes a compressed body as it comes. */
export interface Decoding {
  write(bytes: Uint8Array): void;
  /** the body has come whole */
  end(): void;
}

/** What a server has written so far is passed on at once: it flushes with each token, and so does this. */
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  'x-gzip': () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  deflate: () => createInflate({ flush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ flush: constants.ZSTD_e_flush }),
};

/** How a body is to be decoded, which some gateways compress although nobody has asked for it.
 *  @returns null where it comes as it is
 *  @see RFC 9110 §8.4 */
export function decodingOf(headers: Headers, sink: ByteSink): Decoding | null {
  const encodings = (headers.get('content-encoding') ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  // the last one was applied last
  const names = encodings.filter((name) => name !== '' && name !== 'identity').toReversed();
  if (names.length === 0) return null;
  const decoders = names.map((name) => DECODERS[name]?.());
  const known = decoders.filter((decoder) => decoder !== undefined);
  const [first] = known;
  const broken = () => sink.failed(new UndecodableAnswer());
  if (first === undefined || known.length < names.length) return { write: broken, end: broken };
  for (const decoder of known) decoder.on('error', broken);
  const last = known.reduce((from, to) => from.pipe(to));
  last.on('data', (bytes: Buffer) => sink.bytes(bytes)).on('end', () => sink.end());
  return { write: (bytes) => void first.write(bytes), end: () => void first.end() };
}
