import { ConnectionLost } from './errors.ts';

/** What can cut a connection: the signals of the caller, and silence. Its reason says which. */
export class Wire {
  private readonly cut = new AbortController();
  private readonly following = new AbortController();
  readonly signal: AbortSignal = this.cut.signal;

  constructor(private readonly silenceMs: number) {}

  follow(caller: AbortSignal | null | undefined): void {
    if (caller?.aborted) this.cut.abort(caller.reason);
    caller?.addEventListener('abort', () => this.cut.abort(caller.reason), { signal: this.following.signal });
  }

  /** A signal may outlive many connections: let go of it. */
  release(): void {
    this.following.abort();
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    const { silenceMs } = this;
    const silent = () => this.cut.abort(new ConnectionLost(`the server was silent for ${silenceMs} ms`));
    const timer = setTimeout(silent, silenceMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }
}
