import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../services/cli/bin/millrace.js', import.meta.url));

export interface CommandOptions {
  /** what is piped in; nothing when left out */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface CommandEnd {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The command line as a script runs it: pipes, and no terminal. */
export class MillraceCommand {
  #out = '';
  #err = '';
  readonly ended: Promise<CommandEnd>;

  private constructor(
    private readonly child: ReturnType<typeof spawn>,
    input: string,
  ) {
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null) throw new Error('its streams are pipes');
    stdin.end(input);
    stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
    });
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text;
    });
    this.ended = once(child, 'close').then(([code]) => ({
      ...{ code: code as number | null, out: this.#out, err: this.#err },
    }));
  }

  /** @param url of the service */
  static start(url: string, args: readonly string[], { input = '', env = {} }: CommandOptions = {}): MillraceCommand {
    const { PATH, HOME } = process.env;
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      stdio: 'pipe',
      env: { PATH, HOME, MILLRACE_URL: url, ...env },
    });
    return new MillraceCommand(child, input);
  }

  /** Runs one to its end. */
  static run(url: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandEnd> {
    return MillraceCommand.start(url, args, options).ended;
  }

  /** what it has written to stdout so far */
  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.child.kill('SIGINT');
  }
}
