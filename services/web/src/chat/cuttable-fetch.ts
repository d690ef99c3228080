/** `fetch` whose open answers can be broken off, as a tunnel or a closed lid would do it. */
export class CuttableFetch {
  private readonly open = new Set<AbortController>();

  /** Like the platform's. */
  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const cut = new AbortController();
    const { signal } = init;
    const response = await fetch(url, {
      ...init,
      signal: signal ? AbortSignal.any([signal, cut.signal]) : cut.signal,
    });
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response;
    this.open.add(cut);
    signal?.addEventListener('abort', () => this.open.delete(cut), { once: true });
    return response;
  };

  /** Breaks off every stream. */
  cut(): void {
    for (const controller of this.open) controller.abort(new TypeError('the connection was cut'));
    this.open.clear();
  }
}
