import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomFillSync,
} from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** First byte of what is sealed: nothing that is stored plainly begins with it. Then the id of the key, then nonce, ciphertext
 *  and tag: in base64 where Redis holds text. */
const SEALED = '~';
const SEALED_CODE = SEALED.charCodeAt(0);

/** Characters of a data key's id. */
const KEY_ID_LENGTH = 8;
const HEAD_LENGTH = 1 + KEY_ID_LENGTH;

/** Random bytes for the next nonces: a call for each would cost as much as sealing a token. */
const nonces = Buffer.alloc(341 * NONCE_BYTES);
let nextNonce = nonces.length;

/** What was stored is not what was sealed here: it was altered, or moved from another place. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/** @returns whether a stored text or value is sealed */
export function isSealed(stored: string | Uint8Array): boolean {
  return (typeof stored === 'string' ? stored.charCodeAt(0) : stored[0]) === SEALED_CODE;
}

/** @param stored sealed
 *  @returns the id of the data key that opens it */
export function keyIdIn(stored: string | Uint8Array): string {
  const head = typeof stored === 'string' ? stored : Buffer.from(stored.subarray(0, HEAD_LENGTH)).toString('latin1');
  return head.slice(1, HEAD_LENGTH);
}

/** A tenant's key for one place: a job, a thread, an item of a store. It is derived from the tenant's data key and the place, so
 *  that what is sealed in one place opens in no other, and that no key seals so much that random nonces could meet. */
export class PlaceKey {
  readonly #key: KeyObject;
  readonly #head: string;
  readonly #headBytes: Buffer;

  /** @param keyId of the data key
   *  @param secret the data key, 32 bytes */
  constructor(keyId: string, secret: Uint8Array, place: string) {
    const derived = hkdfSync('sha256', secret, '', `millrace content\n${place}`, KEY_BYTES);
    this.#key = createSecretKey(Buffer.from(derived));
    this.#head = `${SEALED}${keyId}`;
    this.#headBytes = Buffer.from(this.#head, 'latin1');
  }

  /** @param about what it is in its place: opens under the same words alone */
  seal(text: string, about: string): string {
    const nonce = takeNonce();
    const cipher = this.#cipher(nonce, about);
    const content = cipher.update(text, 'utf8');
    cipher.final();
    return this.#head + Buffer.concat([nonce, content, cipher.getAuthTag()]).toString('base64');
  }

  /** As {@link seal}, for bytes. */
  sealBytes(bytes: Uint8Array, about: string): Buffer {
    const nonce = takeNonce();
    const cipher = this.#cipher(nonce, about);
    const content = cipher.update(bytes);
    cipher.final();
    return Buffer.concat([this.#headBytes, nonce, content, cipher.getAuthTag()]);
  }

  /** @throws SealBroken */
  open(sealed: string, about: string): string {
    return this.#opened(Buffer.from(sealed.slice(HEAD_LENGTH), 'base64'), about).toString('utf8');
  }

  /** @throws SealBroken */
  openBytes(sealed: Uint8Array, about: string): Buffer {
    return this.#opened(sealed.subarray(HEAD_LENGTH), about);
  }

  /** @returns {@link digest} as text, with the id of the key, as what is sealed has it */
  mark(text: string): string {
    return this.#head + this.digest(text).toString('base64url');
  }

  /** @returns what stands for bytes in this place, and tells nobody without the key what they are */
  digest(bytes: string | Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(bytes).digest();
  }

  #cipher(nonce: Uint8Array, about: string) {
    return createCipheriv(ALGORITHM, this.#key, nonce).setAAD(Buffer.from(about));
  }

  #opened(sealed: Uint8Array, about: string): Buffer {
    const end = sealed.length - TAG_BYTES;
    if (end < NONCE_BYTES) throw new SealBroken();
    const decipher = createDecipheriv(ALGORITHM, this.#key, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(about)).setAuthTag(sealed.subarray(end));
    const content = decipher.update(sealed.subarray(NONCE_BYTES, end));
    try {
      decipher.final();
    } catch {
      throw new SealBroken();
    }
    return content;
  }
}

/** @returns a nonce, to be used before the next call */
function takeNonce(): Uint8Array {
  if (nextNonce === nonces.length) {
    randomFillSync(nonces);
    nextNonce = 0;
  }
  nextNonce += NONCE_BYTES;
  return nonces.subarray(nextNonce - NONCE_BYTES, nextNonce);
}
