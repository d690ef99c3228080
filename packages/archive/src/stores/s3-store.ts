import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { StoreRefused, StoreUnreachable } from '../errors.ts';
import type { KeyQuery, ObjectStore } from './object-store.ts';

/** The most that S3 lists at a time. */
const MAX_KEYS = 1_000;
/** How long a connection may take to be made, and how long a server may be silent, milliseconds. */
const CONNECT_MS = 3_000;
const SILENCE_MS = 8_000;

const nothing = () => undefined;
/** What the SDK has to say of its sockets is no line of a service's log. */
const QUIET = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

export interface S3Location {
  readonly bucket: string;
  /** empty, or with a slash at its end */
  readonly prefix: string;
  readonly region: string | undefined;
  /** of a server other than Amazon's */
  readonly endpoint: string | undefined;
}

/** A bucket of Amazon S3, or of a server that speaks its protocol. Credentials come from where the SDK looks for them: environment,
 *  files, the instance's or the pod's role. */
export class S3Store implements ObjectStore {
  readonly kind = 's3';
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor({ bucket, prefix, region, endpoint }: S3Location) {
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#client = new S3Client({
      ...(region === undefined ? {} : { region }),
      // other servers seldom have a name for each bucket, nor the newest checksums
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS, logger: QUIET },
    });
  }

  async put(key: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
    const object = { ...this.#at(key), Body: bytes, ContentType: 'application/gzip' };
    await known(this.#client.send(new PutObjectCommand(object), { abortSignal: signal }));
  }

  async get(key: string, signal: AbortSignal): Promise<Buffer | null> {
    try {
      const { Body: body } = await this.#client.send(new GetObjectCommand(this.#at(key)), { abortSignal: signal });
      return body === undefined ? null : Buffer.from(await body.transformToByteArray());
    } catch (error) {
      if (error instanceof S3ServiceException && error.name === 'NoSuchKey') return null;
      throw asStoreError(error);
    }
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    await known(this.#client.send(new DeleteObjectCommand(this.#at(key)), { abortSignal: signal }));
  }

  async list({ prefix, after, limit }: KeyQuery, signal: AbortSignal): Promise<string[]> {
    const keys: string[] = [];
    for (let start = after; keys.length < limit; ) {
      const asked = Math.min(limit - keys.length, MAX_KEYS);
      const { Contents: contents = [], IsTruncated: isTruncated } = await this.#list(
        {
          ...{ Prefix: `${this.#prefix}${prefix}`, MaxKeys: asked },
          ...(start === undefined ? {} : { StartAfter: `${this.#prefix}${start}` }),
        },
        signal,
      );
      keys.push(...contents.flatMap(({ Key: key }) => key?.slice(this.#prefix.length) ?? []));
      start = keys.at(-1);
      if (!isTruncated || contents.length === 0) break;
    }
    return keys;
  }

  async folders(prefix: string, signal: AbortSignal): Promise<string[]> {
    const whole = `${this.#prefix}${prefix}`;
    const names: string[] = [];
    for (let token: string | undefined; ; ) {
      const answer = await this.#list(
        { Prefix: whole, Delimiter: '/', ...(token === undefined ? {} : { ContinuationToken: token }) },
        signal,
      );
      const found = answer.CommonPrefixes ?? [];
      names.push(...found.flatMap(({ Prefix: folder }) => folder?.slice(whole.length, -1) ?? []));
      token = answer.NextContinuationToken;
      if (token === undefined) return names;
    }
  }

  close(): void {
    this.#client.destroy();
  }

  #list(query: Omit<ListObjectsV2CommandInput, 'Bucket'>, signal: AbortSignal): Promise<ListObjectsV2CommandOutput> {
    return known(
      this.#client.send(new ListObjectsV2Command({ ...query, Bucket: this.#bucket }), { abortSignal: signal }),
    );
  }

  #at(key: string) {
    return { Bucket: this.#bucket, Key: `${this.#prefix}${key}` };
  }
}

/** @throws StoreRefused, StoreUnreachable */
function known<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw asStoreError(error);
  });
}

function asStoreError(error: unknown): Error {
  if (!(error instanceof S3ServiceException)) return new StoreUnreachable(error);
  return new StoreRefused(error.name, error.$metadata.httpStatusCode);
}
