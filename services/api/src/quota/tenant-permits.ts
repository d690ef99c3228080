/** Counts what each tenant holds at a time, up to a bound. */
export class Seats {
  readonly #taken = new Map<string, number>();
  readonly #perTenant: number;

  /** @param perTenant how many one tenant may hold */
  constructor(perTenant: number) {
    this.#perTenant = perTenant;
  }

  /** @returns false when the tenant holds all that it may */
  take(tenant: string): boolean {
    const taken = this.#taken.get(tenant) ?? 0;
    if (taken >= this.#perTenant) return false;
    this.#taken.set(tenant, taken + 1);
    return true;
  }

  /** Gives one back, which was taken. A tenant that holds none is forgotten. */
  free(tenant: string): void {
    const taken = (this.#taken.get(tenant) ?? 0) - 1;
    if (taken > 0) this.#taken.set(tenant, taken);
    else this.#taken.delete(tenant);
  }
}
