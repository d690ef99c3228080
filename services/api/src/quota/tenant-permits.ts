/** Bounds how much each tenant holds at a time. Nobody waits for a permit. */
export class TenantPermits {
  readonly #held = new Map<string, number>();
  readonly #perTenant: number;

  /** @param perTenant the most permits of one tenant */
  constructor(perTenant: number) {
    this.#perTenant = perTenant;
  }

  /** @returns false if the tenant holds all its permits */
  tryAcquire(tenant: string): boolean {
    const held = this.#held.get(tenant) ?? 0;
    if (held >= this.#perTenant) return false;
    this.#held.set(tenant, held + 1);
    return true;
  }

  /** Gives back a permit that was acquired. */
  release(tenant: string): void {
    const held = (this.#held.get(tenant) ?? 0) - 1;
    if (held > 0) this.#held.set(tenant, held);
    else this.#held.delete(tenant);
  }
}
