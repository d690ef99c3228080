import { ContentUnreadable } from '../errors.ts';
import { isSealed, keyIdIn, PlaceKey, SealBroken } from './place-key.ts';
import type { RewrapReport, TenantKeys } from './tenant-keys.ts';

/** Seals what is to be stored in one place. */
export type Sealer = Pick<PlaceKey, 'seal' | 'sealBytes' | 'digest' | 'mark'>;

/** Resolves when the master keys are the right ones. It rejects if the signal ends it, and otherwise never.
 *  @param foundWrong is called when they are not */
type MasterKeyCheck = (closed: AbortSignal, foundWrong: () => void) => Promise<void>;

/** Encrypts what tenants' words are in before it goes to Redis, and decrypts what comes from there. What was stored before
 *  encryption was turned on stays readable.
 *  @see docs/encryption.md */
export class ContentCipher {
  readonly #keys: TenantKeys | null;
  readonly #seals: boolean;
  readonly #gate = new Gate();
  readonly #closed = new AbortController();

  /** @param keys null: nothing is encrypted, and nothing that is can be read
   *  @param seals whether what is stored from now on is encrypted */
  constructor(keys: TenantKeys | null, seals = true) {
    this.#keys = keys;
    this.#seals = seals && keys !== null;
  }

  /** whether what is stored from now on is encrypted */
  get seals(): boolean {
    return this.#seals;
  }

  /** whether nothing is encrypted or decrypted yet: it is not known whether the master keys are the right ones */
  get isShut(): boolean {
    return this.#gate.isShut;
  }

  /** @param place names where in the tenant's keys something is: content that is sealed for one place opens in no other */
  at(tenant: string, place: string): PlaceCipher {
    return new PlaceCipher(this.#keys, this.#seals, this.#gate, tenant, place);
  }

  /** Neither encrypts nor decrypts until the master keys have proved to be the right ones. */
  refuseUntil(check: MasterKeyCheck): void {
    this.#gate.isShut = true;
    this.checkLater(check);
  }

  /** Encrypts and decrypts unless the master keys prove to be wrong, and then no more until they are right. */
  checkLater(check: MasterKeyCheck): void {
    const refuse = () => {
      this.#gate.isShut = true;
    };
    check(this.#closed.signal, refuse).then(
      () => {
        this.#gate.isShut = false;
      },
      // closed: nothing is encrypted any more
      () => undefined,
    );
  }

  /** Has a tenant's key at hand, if it has one: what is read soon then need not wait for it.
   *  @returns null in the usual case: it is, or nothing is encrypted
   *  @throws ContentUnreadable `unavailable` */
  warm(tenant: string): Promise<void> | null {
    if (this.#keys === null || this.#keys.atHand(tenant) !== undefined) return null;
    return this.#keys.fetch(tenant);
  }

  /** whether a key of a tenant would have to be had to encrypt something */
  lacksKeyOf(tenant: string): boolean {
    return this.#seals && this.#keys?.atHand(tenant) === undefined;
  }

  /** Destroys the key of a tenant. */
  async destroy(tenant: string): Promise<void> {
    await this.#keys?.destroy(tenant);
  }

  /** whether there are master keys beside the one in use: data keys may have to be wrapped anew */
  get hasOldKeys(): boolean {
    return this.#keys?.hasOldMasterKeys ?? false;
  }

  /** @see TenantKeys.checkMasterKeys
   *  @throws ContentUnreadable `unavailable`: a master key is missing, or is another one than its id says */
  async checkMasterKeys(): Promise<string[]> {
    return (await this.#keys?.checkMasterKeys()) ?? [];
  }

  /** @see TenantKeys.rewrapAll
   *  @returns null: nothing is encrypted, or the pass was ended */
  async rewrapAll(signal?: AbortSignal): Promise<RewrapReport | null> {
    return (await this.#keys?.rewrapAll(signal)) ?? null;
  }

  close(): void {
    this.#closed.abort();
    this.#keys?.close();
  }
}

/** Shut as long as nobody knows whether the master keys are the right ones. */
class Gate {
  isShut = false;

  /** @throws ContentUnreadable */
  pass(): void {
    if (this.isShut) throw new ContentUnreadable('unavailable', 'the master keys have not been checked yet');
  }
}

/** Encrypts and decrypts for one place of a tenant. */
export class PlaceCipher {
  readonly #keys: TenantKeys | null;
  readonly #seals: boolean;
  readonly #gate: Gate;
  #key: PlaceKey | null = null;
  #keyId: string | null = null;

  constructor(
    keys: TenantKeys | null,
    seals: boolean,
    gate: Gate,
    readonly tenant: string,
    readonly place: string,
  ) {
    this.#keys = keys;
    this.#seals = seals;
    this.#gate = gate;
  }

  /** @param stored something from this place, in whose key the rest is to be sealed; left out: in the key that the tenant has now
   *  @returns null: nothing is encrypted
   *  @throws ContentUnreadable */
  async sealer(stored?: string): Promise<Sealer | null> {
    this.#gate.pass();
    if (this.#keys === null || !this.#seals) return null;
    if (stored !== undefined && isSealed(stored)) return this.#keyFor(keyIdIn(stored));
    const { id, secret } = await this.#keys.current(this.tenant);
    return this.#use(id, secret);
  }

  /** As {@link sealer}, without asking Redis where a key of the tenant is in memory: for those who have just read something of
   *  it, or write to what only lives on with it. */
  async sealerAtHand(): Promise<Sealer | null> {
    this.#gate.pass();
    if (this.#keys === null || !this.#seals) return null;
    const { id, secret } = this.#keys.atHand(this.tenant) ?? (await this.#keys.current(this.tenant));
    return this.#use(id, secret);
  }

  /** @param stored a mark from this place; anything else has no equal
   *  @returns the mark of a text in the same key; null: `stored` is none, or its key is gone
   *  @throws ContentUnreadable `unavailable` */
  async markOf(stored: string, text: string): Promise<string | null> {
    if (!isSealed(stored)) return null;
    try {
      return (await this.#keyFor(keyIdIn(stored))).mark(text);
    } catch (error) {
      if (error instanceof ContentUnreadable && error.reason === 'destroyed') return null;
      throw error;
    }
  }

  /** Opens what was stored here; what is not sealed is returned as it is.
   *  @throws ContentUnreadable */
  async open(stored: string, about: string): Promise<string> {
    return isSealed(stored) ? this.#opened(await this.#keyFor(keyIdIn(stored)), stored, about) : stored;
  }

  /** As {@link open}, for bytes. */
  async openBytes(stored: Buffer, about: string): Promise<Buffer> {
    if (!isSealed(stored)) return stored;
    const key = await this.#keyFor(keyIdIn(stored));
    return this.#unbroken(about, () => key.openBytes(stored, about));
  }

  /** As {@link open}, with the keys that are in memory.
   *  @returns null: the key is not at hand
   *  @throws ContentUnreadable */
  openNow(stored: string, about: string): string | null {
    if (!isSealed(stored)) return stored;
    const keyId = keyIdIn(stored);
    if (this.#key !== null && this.#keyId === keyId) return this.#opened(this.#key, stored, about);
    const atHand = this.#keys?.atHand(this.tenant);
    return atHand?.id === keyId ? this.#opened(this.#use(keyId, atHand.secret), stored, about) : null;
  }

  #opened(key: PlaceKey, stored: string, about: string): string {
    return this.#unbroken(about, () => key.open(stored, about));
  }

  #unbroken<T>(about: string, open: () => T): T {
    try {
      return open();
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      throw new ContentUnreadable(
        'altered',
        `what is stored as "${about}" of ${this.place} is not what was sealed there`,
      );
    }
  }

  async #keyFor(keyId: string): Promise<PlaceKey> {
    this.#gate.pass();
    if (this.#key !== null && this.#keyId === keyId) return this.#key;
    if (this.#keys === null) {
      const message = `${this.place} is encrypted, and neither MILLRACE_ENCRYPTION_KEYS nor MILLRACE_ENCRYPTION_KMS is set`;
      throw new ContentUnreadable('unavailable', message);
    }
    const { secret } = await this.#keys.byId(this.tenant, keyId);
    return this.#use(keyId, secret);
  }

  #use(keyId: string, secret: Uint8Array): PlaceKey {
    if (this.#key === null || this.#keyId !== keyId) {
      this.#key = new PlaceKey(keyId, secret, this.place);
      this.#keyId = keyId;
    }
    return this.#key;
  }
}

/** Encrypts nothing. */
export const PLAIN = new ContentCipher(null);
