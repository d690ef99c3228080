import { ArchiveUnavailable } from './errors.ts';

/** When a caller should ask again whose tenant asks for too much, seconds. */
const BUSY_SECONDS = 2;

export interface ReadBounds {
  /** reads at a time, of all tenants */
  readonly atOnce: number;
  /** reads of one tenant that are under way or wait */
  readonly ofTenant: number;
}

/** Bounds the reads of an archive. Tenants take turns, however much each of them asks for: who asks for ids that nobody has holds up
 *  nobody else. */
export class ReadTurns {
  /** by tenant; the first tenant is next */
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #held = new Map<string, number>();
  #free: number;

  constructor(private readonly bounds: ReadBounds) {
    this.#free = bounds.atOnce;
  }

  /** @throws ArchiveUnavailable the tenant has too many reads already
   *  @throws what the read throws */
  async take<T>(tenant: string, read: () => Promise<T>): Promise<T> {
    const held = this.#held.get(tenant) ?? 0;
    if (held >= this.bounds.ofTenant) {
      throw new ArchiveUnavailable('too many archived jobs are asked for at a time', BUSY_SECONDS);
    }
    this.#held.set(tenant, held + 1);
    try {
      await this.#turn(tenant);
      try {
        return await read();
      } finally {
        this.#pass();
      }
    } finally {
      const rest = (this.#held.get(tenant) ?? 1) - 1;
      if (rest === 0) this.#held.delete(tenant);
      else this.#held.set(tenant, rest);
    }
  }

  async #turn(tenant: string): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.set(tenant, [...(this.#waiting.get(tenant) ?? []), resolve]);
    });
  }

  /** A turn that ends is passed on directly: no newcomer overtakes those that wait. */
  #pass(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    const [tenant, [begin, ...others]] = next as [string, [() => void, ...(() => void)[]]];
    this.#waiting.delete(tenant);
    // back in, behind all other tenants
    if (others.length > 0) this.#waiting.set(tenant, others);
    begin();
  }
}
