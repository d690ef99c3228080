/** Bounds how much each tenant holds at a time. Nobody waits for a permit. */
export class TenantPermits {
  readonly #held = new Map<string, number>();

  /** @param max the most permits of the tenant; fewer than it holds takes none away
   *  @returns false if the tenant holds all its permits */
  tryAcquire(tenant: string, max: number): boolean {
    const held = this.heldBy(tenant);
    if (held >= max) return false;
    this.#held.set(tenant, held + 1);
    return true;
  }

  heldBy(tenant: string): number {
    return this.#held.get(tenant) ?? 0;
  }

  /** Gives back a permit that was acquired. */
  release(tenant: string): void {
    const held = (this.#held.get(tenant) ?? 0) - 1;
    if (held > 0) this.#held.set(tenant, held);
    else this.#held.delete(tenant);
  }
}
