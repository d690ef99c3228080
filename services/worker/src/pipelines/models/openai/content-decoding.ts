import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type { BodySource, ByteSink } from './body-source.ts';

/** A body does not match its content encoding, or the encoding is unknown. */
class UndecodableAnswer extends Error {
  override readonly name = 'UndecodableAnswer';
  readonly code = 'UNDECODABLE_ANSWER';
}

/** Makes the decoder of a body from its first bytes. */
type Decoder = (bytes: Uint8Array) => Decoding;

type Decoding = Transform & zlib.Zlib;

const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH, ZSTD_e_flush } = zlib.constants;

/** Each decoder flushes after every write: a server flushes after each token. */
const DECODERS: Readonly<Record<string, Decoder>> = {
  gzip: () => zlib.createGunzip({ flush: Z_SYNC_FLUSH }),
  'x-gzip': () => zlib.createGunzip({ flush: Z_SYNC_FLUSH }),
  // some servers omit the zlib header, whose first byte ends in these four bits
  deflate: ([first = 0]) =>
    ((first & 0x0f) === 8 ? zlib.createInflate : zlib.createInflateRaw)({ flush: Z_SYNC_FLUSH }),
  br: () => zlib.createBrotliDecompress({ flush: BROTLI_OPERATION_FLUSH }),
  // Node has zstd since 22.15: a named import would keep the worker from starting on 22.12
  ...('createZstdDecompress' in zlib ? { zstd: () => zlib.createZstdDecompress({ flush: ZSTD_e_flush }) } : {}),
};

/** More than one is rare, and each multiplies the size that a small body can expand to. */
const MAX_ENCODINGS = 3;

/** Removes content encodings, which some gateways apply although the request forbids them.
 *  @returns the source itself when it has no encoding
 *  @see RFC 9110 §8.4 */
export function decoded(source: BodySource, headers: Headers): BodySource {
  const encodings = (headers.get('content-encoding') ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  if (encodings.length > MAX_ENCODINGS) return new DecodedSource(source, undefined);
  // the last encoding listed was applied last
  return encodings.reduceRight((from, name) => new DecodedSource(from, DECODERS[name]), source);
}

/** Decodes bytes as they arrive, at the pace of its sink. */
class DecodedSource implements BodySource, ByteSink {
  readonly #source: BodySource;
  readonly #decoder: Decoder | undefined;
  #decoding: Decoding | null = null;
  #sink: ByteSink | null = null;
  #failure: { readonly error: unknown } | null = null;
  #isOver = false;

  /** @param decoder undefined when the encoding is unknown */
  constructor(source: BodySource, decoder: Decoder | undefined) {
    this.#source = source;
    this.#decoder = decoder;
  }

  pushTo(sink: ByteSink): void {
    this.#sink = sink;
    if (this.#decoder === undefined) this.#broken();
    else this.#source.pushTo(this);
  }

  resume(): void {
    if (this.#decoding === null) this.#source.resume();
    else this.#decoding.resume();
  }

  abort(reason: unknown): void {
    this.#isOver = true;
    this.#source.abort(reason);
  }

  bytes(bytes: Uint8Array): boolean {
    if (this.#isOver) return true;
    this.#decoding ??= this.#startDecoding(bytes);
    return this.#decoding.write(bytes);
  }

  end(): void {
    const decoding = this.#decoding;
    if (decoding === null) this.#ended();
    // `decoding.end()` would report a truncated encoding at once and drop unread output; `fetch` accepts truncated ones too
    else decoding.flush(() => decoding.push(null));
  }

  /** Decodes and passes on what arrived before the failure: it may be the whole answer. */
  failed(error: unknown): void {
    this.#failure = { error };
    this.end();
  }

  #startDecoding(first: Uint8Array): Decoding {
    const decoding = this.#decoder?.(first);
    if (decoding === undefined) throw new UndecodableAnswer();
    return decoding
      .on('data', (bytes: Buffer) => {
        if (!this.#isOver && this.#sink?.bytes(bytes) === false) decoding.pause();
      })
      .on('drain', () => this.#source.resume())
      .once('end', () => this.#ended())
      .on('error', () => this.#broken());
  }

  #ended(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#failure === null) this.#sink?.end();
    else this.#sink?.failed(this.#failure.error);
  }

  #broken(): void {
    const error = new UndecodableAnswer();
    // a lost connection truncates the encoding: report the loss
    this.#failure ??= { error: new TypeError('terminated', { cause: error }) };
    this.#ended();
    this.#source.abort(error);
  }
}
