import type { Scaling } from '../autoscaling/autoscaler.ts';
import { renderChart } from './helm-chart.ts';
import { Prometheus } from './prometheus.ts';
import { SystemHarness } from './system-harness.ts';

/** Jobs that a worker runs at a time. */
export const SLOTS = 4;

/** The built system, and a Prometheus that is asked for the number of workers as the chart has KEDA ask it. No worker comes or goes. */
export class ScaledSystem implements AsyncDisposable {
  readonly #open: string[] = [];

  private constructor(
    readonly system: SystemHarness,
    /** the chart's ScaledObject */
    readonly scaling: Scaling,
    private readonly prometheus: Prometheus,
    private readonly parts: AsyncDisposableStack,
  ) {}

  static async start(): Promise<ScaledSystem> {
    await using parts = new AsyncDisposableStack();
    const system = parts.use(await SystemHarness.start({ env: { MILLRACE_WORKER_CONCURRENCY: String(SLOTS) } }));
    // each job runs until it is cancelled
    system.model.answer([{ silence: true }], { to: 'endless' });
    const sets = ['worker.autoscaling.enabled=true', `worker.settings.MILLRACE_WORKER_CONCURRENCY=${SLOTS}`];
    const manifests = await renderChart(...sets.flatMap((set) => ['--set', set]));
    const scaling = manifests.find(({ kind }) => kind === 'ScaledObject')?.spec as unknown as Scaling;
    const targets = system.apis.map(({ url }) => new URL(url).host);
    const scrape = { job_name: 'millrace', scrape_interval: '1s', static_configs: [{ targets }] };
    const prometheus = parts.use(await Prometheus.start({ scrape_configs: [scrape] }));
    return new ScaledSystem(system, scaling, prometheus, parts.move());
  }

  /** What KEDA would get: null where Prometheus has no figure. */
  async asked(): Promise<number | null> {
    const [sample] = await this.prometheus.ask(this.scaling.triggers[0].metadata.query);
    return sample === undefined ? null : Number(sample.value[1]);
  }

  /** Open jobs by their state, as Prometheus knows them. */
  async openJobs(): Promise<Record<string, number>> {
    const samples = await this.prometheus.ask('max by (state) (millrace_open_jobs)');
    return Object.fromEntries(samples.map(({ metric, value }) => [metric['state'], Number(value[1])]));
  }

  /** Asks for jobs, or cancels some, until so many are open. */
  async reach(jobs: number): Promise<void> {
    while (this.#open.length < jobs) {
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      const body = JSON.stringify({ query: 'endless' });
      const answer = await fetch(`${this.system.url}/jobs`, { method: 'POST', headers, body });
      this.#open.push(((await answer.json()) as { id: string }).id);
    }
    // the last to come are the first to go
    for (const id of this.#open.splice(jobs)) await (await this.system.cancel(id)).text();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.parts.disposeAsync();
  }
}
