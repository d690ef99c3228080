import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, eventually, freePort } from '@millrace/testing';

const ARGUMENTS = {
  caddy: (config: string) => ['run', '--adapter', 'caddyfile', '--config', config],
  haproxy: (config: string) => ['-db', '-f', config],
};

interface OtherProxyOptions {
  readonly program: keyof typeof ARGUMENTS;
  /** its file, in which variables stand for what `envFor` gives */
  readonly config: string;
  /** @param port where it has to listen, on 127.0.0.1 */
  readonly envFor: (port: number) => Readonly<Record<string, string>>;
}

/** A real Caddy or HAProxy. */
export class OtherProxy implements AsyncDisposable {
  private constructor(
    readonly url: string,
    private readonly parts: AsyncDisposableStack,
  ) {}

  /** Waits until it reaches a node.
   *  @throws Error it has ended, and what it said */
  static async start({ program, config, envFor }: OtherProxyOptions): Promise<OtherProxy> {
    await using parts = new AsyncDisposableStack();
    // Caddy stores something even where it has no certificates
    const home = await mkdtemp(join(tmpdir(), 'millrace-proxy-'));
    parts.defer(() => rm(home, { recursive: true, force: true }));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const PATH = `${process.env['PATH']}:/usr/sbin`;
    const env = { PATH, HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home, ...envFor(port) };
    const child = await Child.start({ command: program, args: ARGUMENTS[program](config), env });
    parts.defer(async () => void (await child.kill()));
    await eventually(
      async () => {
        if (!child.running) throw new Error(`${program} has ended:\n${child.lines.join('\n')}`);
        return (await fetch(`${url}/readyz`).catch(() => null))?.status === 200;
      },
      { timeoutMs: 30_000 },
    );
    return new OtherProxy(url, parts.move());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.parts.disposeAsync();
  }
}
