import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, freePort } from '@millrace/testing';
import { findProgram } from '../../scripts/setup/install-package.mjs';

const READY = 'Server is ready to receive web requests';
const READY_MS = 60_000;

/** Whether this machine has a Prometheus. */
export const hasPrometheus = findProgram('prometheus') !== null;

export interface PrometheusOptions {
  /** by name; `prometheus.yml` is the configuration */
  readonly files: Readonly<Record<string, string>>;
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

  /** @throws Error there is none, or it does not become ready */
  static async start({ files, args = [] }: PrometheusOptions): Promise<Prometheus> {
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'millrace-prometheus-'));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const port = await freePort();
    const child = await Child.start({
      command: findProgram('prometheus') ?? 'prometheus',
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

  /** What a path of its API answers.
   *  @throws Error it refuses */
  async ask<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1/${path}`);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return ((await answer.json()) as { data: T }).data;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.parts.disposeAsync();
  }
}
