import type { SpawnedService } from '@millrace/testing';
import { SystemHarness } from '../e2e/system-harness.ts';

const secretOf = (tenant: string) => `secret-of-the-tenant-${tenant}`;

/** The header that identifies a tenant of {@link TwoTenants}. */
export const keyOf = (tenant: 'greedy' | 'other') => ({ authorization: `Bearer ${secretOf(tenant)}` });

/** One API node and one worker with two tenants: one that takes all it can get, and another that must not notice. */
export class TwoTenants implements AsyncDisposable {
  private constructor(readonly system: SystemHarness) {}

  static async start(env: Readonly<Record<string, string>> = {}): Promise<TwoTenants> {
    const keys = (['greedy', 'other'] as const).map((tenant) => `${tenant}:user:${secretOf(tenant)}`).join(',');
    const system = await SystemHarness.start({
      env: { MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: keys, ...env },
      processes: 1,
    });
    system.model.answer(['a', 'b'], { to: 'short' });
    return new TwoTenants(system);
  }

  get api(): SpawnedService {
    const [api] = this.system.apis;
    if (api === undefined) throw new Error('there is one node');
    return api;
  }

  /** Asks short questions for the other tenant, one by one.
   *  @returns how long each answer took from POST to end, milliseconds */
  async shortAnswersMs(spanMs: number): Promise<number[]> {
    const took: number[] = [];
    const until = performance.now() + spanMs;
    while (performance.now() < until) {
      const from = performance.now();
      await using stream = await this.system.ask('short', { at: this.api.url, headers: keyOf('other') });
      await stream.until(({ event }) => event === 'done');
      took.push(performance.now() - from);
    }
    return took;
  }

  /** A figure of the node's own metrics. */
  async metric(line: RegExp): Promise<number> {
    const text = await (await fetch(`${this.api.url}/metrics`)).text();
    return Number(new RegExp(`^${line.source} (\\S+)$`, 'm').exec(text)?.[1]);
  }

  /** @returns the longest block of the node's event loop since the last call, milliseconds */
  async longestStopMs(): Promise<number> {
    return (await this.metric(/nodejs_eventloop_lag_max_seconds\{[^}]*\}/)) * 1_000;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.system[Symbol.asyncDispose]();
  }
}
