import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type { AnswerSource, ByteSink } from './body-source.ts';

/** A body is not what its encoding says, or nobody knows the encoding. */
class UndecodableAnswer extends Error {
  override readonly name = 'UndecodableAnswer';
  readonly code = 'UNDECODABLE_ANSWER';
}

/** Makes the decoder of a body, of which these are the first bytes. */
type Decoder = (bytes: Uint8Array) => Decoding;

type Decoding = Transform & zlib.Zlib;

const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH, ZSTD_e_flush } = zlib.constants;

/** What a server has written so far is passed on at once: it flushes with each token, and so does this. */
const DECODERS: Readonly<Record<string, Decoder>> = {
  gzip: () => zlib.createGunzip({ flush: Z_SYNC_FLUSH }),
  'x-gzip': () => zlib.createGunzip({ flush: Z_SYNC_FLUSH }),
  // some servers leave out the header that the standard asks for, whose first byte ends in these four bits
  deflate: ([first = 0]) =>
    ((first & 0x0f) === 8 ? zlib.createInflate : zlib.createInflateRaw)({ flush: Z_SYNC_FLUSH }),
  br: () => zlib.createBrotliDecompress({ flush: BROTLI_OPERATION_FLUSH }),
  // Node has it since 22.15: a named import would keep the worker from starting on 22.12
  ...('createZstdDecompress' in zlib ? { zstd: () => zlib.createZstdDecompress({ flush: ZSTD_e_flush }) } : {}),
};

/** More than one is rare; each multiplies what a small body may become. */
const MAX_ENCODINGS = 3;

/** A source as it was before its server encoded it, which some gateways do although they are asked not to.
 *  @returns the source itself where it comes as it is
 *  @see RFC 9110 §8.4 */
export function decoded(source: AnswerSource, headers: Headers): AnswerSource {
  const encodings = (headers.get('content-encoding') ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  if (encodings.length > MAX_ENCODINGS) return new DecodedSource(source, undefined);
  // the last one was applied last
  return encodings.reduceRight((from, name) => new DecodedSource(from, DECODERS[name]), source);
}

/** Decodes as the bytes come, at the pace of whoever takes them. */
class DecodedSource implements AnswerSource, ByteSink {
  readonly #source: AnswerSource;
  readonly #decoder: Decoder | undefined;
  #decoding: Decoding | null = null;
  #sink: ByteSink | null = null;
  #failure: { readonly error: unknown } | null = null;
  #isOver = false;

  /** @param decoder undefined where nobody knows the encoding */
  constructor(source: AnswerSource, decoder: Decoder | undefined) {
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
    // its own end would tell of half an encoding at once, and drop what waits for its reader; `fetch` takes half of one too
    else decoding.flush(() => decoding.push(null));
  }

  /** What has come before is decoded and passed on first: it may have been the whole answer. */
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
    // an answer whose connection was lost ends in the midst of its encoding: the loss is what went wrong
    this.#failure ??= { error: new TypeError('terminated', { cause: error }) };
    this.#ended();
    this.#source.abort(error);
  }
}
