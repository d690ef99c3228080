import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@millrace/testing';
import { parse } from 'yaml';
import { inProject } from '../../scripts/setup/project.mjs';
import { Prometheus } from '../e2e/prometheus.ts';
import { quickened } from './quickened.ts';

const LOOK_EVERY_MS = 200;
/** Prometheus's own: how long a figure counts that is not told again. */
const LOOK_BACK_MS = 300_000;
const SCRAPED_MS = 60_000;

/** Addresses by the name of their scrape job. */
type Watched = Readonly<Record<string, readonly string[]>>;

interface Alert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>> & { readonly alertname: string };
}

/** When an alert fired and cleared, `performance.now()`. */
export interface Fired {
  readonly alert: string;
  readonly at: number;
  /** null: it still fires */
  clearedAt: number | null;
}

/** The project's Prometheus with the project's alerts, quickened, over addresses of this machine. */
export class Alerts implements AsyncDisposable {
  /** all that have fired, in order */
  readonly fired: Fired[] = [];
  readonly #stop = new AbortController();
  #looking: Promise<void> = Promise.resolve();

  private constructor(private readonly prometheus: Prometheus) {}

  static async start(watched: Watched, times: number): Promise<Alerts> {
    const files = { 'rules.yml': quickened(textOf('rules.yml'), times) };
    const args = [`--query.lookback-delta=${Math.round(LOOK_BACK_MS / times)}ms`];
    const alerts = new Alerts(await Prometheus.start(configuration(watched, times), { files, args }));
    alerts.#looking = alerts.#look();
    return alerts;
  }

  get url(): string {
    return this.prometheus.url;
  }

  /** The names of those that fire now. */
  get firing(): string[] {
    return this.fired.filter(({ clearedAt }) => clearedAt === null).map(({ alert }) => alert);
  }

  /** Settles when every process has been looked at. */
  async untilScraped(): Promise<void> {
    await eventually(
      async () => {
        const { activeTargets } = await this.prometheus.get<{ activeTargets: { health: string }[] }>('targets');
        return activeTargets.length > 0 && activeTargets.every(({ health }) => health === 'up');
      },
      { timeoutMs: SCRAPED_MS },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#looking;
    await this.prometheus[Symbol.asyncDispose]();
  }

  async #look(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { alerts } = await this.prometheus.get<{ alerts: Alert[] }>('alerts');
      this.#note(new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname)));
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined); // the end
    }
  }

  #note(names: ReadonlySet<string>): void {
    const now = performance.now();
    for (const fired of this.fired) if (fired.clearedAt === null && !names.has(fired.alert)) fired.clearedAt = now;
    for (const alert of names) if (!this.firing.includes(alert)) this.fired.push({ alert, at: now, clearedAt: null });
  }
}

/** infra/observability/prometheus.yml, which finds processes by the names of containers, with addresses instead. */
function configuration(watched: Watched, times: number): object {
  const { scrape_configs: jobs, ...rest } = parse(quickened(textOf('prometheus.yml'), times)) as {
    readonly scrape_configs: readonly { readonly job_name: string; readonly dns_sd_configs: unknown }[];
  };
  const here = jobs.map(({ dns_sd_configs: _, ...job }) => ({
    ...job,
    static_configs: [{ targets: watched[job.job_name] ?? [] }],
  }));
  return { ...rest, scrape_configs: here };
}

function textOf(file: string): string {
  return readFileSync(inProject(`infra/observability/${file}`), 'utf8');
}
