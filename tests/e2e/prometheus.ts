import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, freePort } from '@millrace/testing';
import { findProgram } from '../../scripts/setup/install-package.mjs';

const PROGRAM = findProgram('prometheus');
const READY = 'Server is ready to receive web requests';
const READY_MS = 60_000;

/** Whether this machine has a Prometheus. */
export const hasPrometheus = PROGRAM !== null;

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  /** when, seconds since the epoch, and the figure */
  readonly value: readonly [number, string];
}

export interface PrometheusOptions {
  /** beside its configuration, by name */
  readonly files?: Readonly<Record<string, string>>;
  /** further arguments */
  readonly args?: readonly string[];
}

/** A Prometheus of the machine, with its data in a folder of its own. */
export class Prometheus implements AsyncDisposable {
  private constructor(
    /** without a slash at its end */
    readonly url: string,
    private readonly parts: AsyncDisposableStack,
  ) {}

  /** @param configuration as in prometheus.yml
   *  @throws Error there is no Prometheus, or it does not become ready */
  static async start(configuration: object, { files = {}, args = [] }: PrometheusOptions = {}): Promise<Prometheus> {
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'millrace-prometheus-'));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    // JSON is YAML
    const all = { ...files, 'prometheus.yml': JSON.stringify(configuration) };
    for (const [name, text] of Object.entries(all)) await writeFile(join(folder, name), text);
    const port = await freePort();
    const child = await Child.start({
      command: PROGRAM ?? 'prometheus',
      args: [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        ...args,
      ],
    });
    parts.defer(async () => void (await child.stop()));
    await child.line((line) => line.includes(READY), READY_MS);
    return new Prometheus(`http://127.0.0.1:${port}`, parts.move());
  }

  /** @returns `data` of its answer
   *  @throws Error it answers with an error, such as for an expression that it cannot parse */
  async get<T>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path} ${Object.values(parameters).join()}: ${error}`);
    return data;
  }

  async ask(query: string): Promise<readonly Sample[]> {
    return (await this.get<{ result: Sample[] }>('query', { query })).result;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.parts.disposeAsync();
  }
}
