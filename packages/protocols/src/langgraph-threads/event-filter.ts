/** Which events of a thread a client wants. */
export interface EventSelection {
  /** `messages`, `values`, …, `custom`, `custom:<name>` */
  readonly channels: readonly string[];
  /** prefixes of namespaces; left out: all namespaces */
  readonly namespaces?: readonly (readonly string[])[] | undefined;
  /** how far below a prefix; left out: any depth */
  readonly depth?: number | undefined;
}

/** Chooses events by the rules that the client itself applies to what it gets. */
export class EventFilter {
  /** equal for filters that choose the same */
  readonly key: string;
  readonly #channels: ReadonlySet<string>;
  readonly #prefixes: readonly (readonly string[])[];
  readonly #depth: number;

  constructor({ channels, namespaces = [], depth }: EventSelection) {
    this.#channels = new Set(channels);
    // the client takes an empty list for all namespaces
    this.#prefixes = namespaces.length === 0 ? [] : namespaces;
    this.#depth = this.#prefixes.length === 0 ? Number.POSITIVE_INFINITY : (depth ?? Number.POSITIVE_INFINITY);
    this.key = JSON.stringify([[...this.#channels], this.#prefixes, depth ?? null]);
  }

  /** @param channel of the event; of a custom event with a name `custom:<name>` */
  takes(channel: string, namespace: readonly string[]): boolean {
    const isWanted = this.#channels.has(channel) || (channel.startsWith('custom:') && this.#channels.has('custom'));
    if (!isWanted || this.#prefixes.length === 0) return isWanted;
    return this.#prefixes.some(
      (prefix) => begins(namespace, prefix) && namespace.length - prefix.length <= this.#depth,
    );
  }
}

/** A part of a prefix without `:` stands for all runs of what it names. */
function begins(namespace: readonly string[], prefix: readonly string[]): boolean {
  return (
    prefix.length <= namespace.length &&
    prefix.every((part, depth) => {
      const given = namespace[depth] as string;
      return given === part || (!part.includes(':') && given.split(':', 1)[0] === part);
    })
  );
}
