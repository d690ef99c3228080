import { ArchiveUnavailable } from './errors.ts';

/** When a caller should ask again for whom there was no turn, seconds. */
const BUSY_SECONDS = 2;

export interface ReadBounds {
  /** reads at a time, of all tenants */
  readonly atOnce: number;
  /** reads that wait, of all tenants */
  readonly waiting: number;
  /** reads of one tenant that wait: fewer, so that one alone cannot take all places */
  readonly waitingOfTenant: number;
  /** how long a read may wait, milliseconds */
  readonly waitMs: number;
}

/** Bounds the reads of an archive. Tenants take turns, however much each of them asks for: who asks for ids that nobody has holds up
 *  nobody else. */
export class ReadTurns {
  /** what begins the reads that wait, by tenant, oldest first; the first tenant is next */
  readonly #waiting = new Map<string, Set<() => void>>();
  #free: number;
  #waits = 0;

  constructor(private readonly bounds: ReadBounds) {
    this.#free = bounds.atOnce;
  }

  /** @throws ArchiveUnavailable too many wait already, or this one has waited for too long
   *  @throws what the read throws */
  async take<T>(tenant: string, read: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(tenant);
    try {
      return await read();
    } finally {
      this.#pass();
    }
  }

  #turn(tenant: string): Promise<void> {
    const { waiting, waitingOfTenant, waitMs } = this.bounds;
    const own = this.#waiting.get(tenant) ?? new Set();
    if (this.#waits >= waiting || own.size >= waitingOfTenant) {
      throw new ArchiveUnavailable('too many archived jobs are asked for at a time', BUSY_SECONDS);
    }
    this.#waiting.set(tenant, own);
    this.#waits += 1;
    return new Promise((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer);
        resolve();
      };
      const giveUp = () => {
        this.#leave(tenant, begin);
        reject(new ArchiveUnavailable('others who ask for archived jobs took too long', BUSY_SECONDS));
      };
      const timer = setTimeout(giveUp, waitMs);
      own.add(begin);
    });
  }

  /** A turn that ends is passed on directly: no newcomer overtakes those that wait. */
  #pass(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    const [tenant, own] = next;
    // those without a read that waits are not listed
    const begin = own.values().next().value as () => void;
    // back in, behind all other tenants
    this.#waiting.delete(tenant);
    this.#waiting.set(tenant, own);
    this.#leave(tenant, begin);
    begin();
  }

  #leave(tenant: string, begin: () => void): void {
    const own = this.#waiting.get(tenant);
    if (!own?.delete(begin)) return;
    this.#waits -= 1;
    if (own.size === 0) this.#waiting.delete(tenant);
  }
}
