import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watch } from 'chokidar';
import type { Command } from 'commander';
import { EXIT, Exit } from '../exit-codes.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { numberArgument } from './answering.ts';

interface DevOptions {
  readonly port: number;
  readonly verbose?: true;
}

/** What starts everything: carried by the package, or in the clone that this program belongs to. */
const START = ['../../scripts/run/start.mjs', '../../../../scripts/run/start.mjs']
  .map((file) => fileURLToPath(new URL(file, import.meta.url)))
  .find((file) => existsSync(file));

/** An editor writes several files at once. */
const SETTLED_MS = 150;
/** Folders without sources of the agent. */
const IGNORED = /(^|[/\\])(node_modules|dist|__pycache__|\.[^/\\.][^/\\]*)([/\\]|$)/;

export function addDev(program: Command, terminal: Terminal): void {
  program
    .command('dev')
    .description('serve the agents of a langgraph.json, with page and console, and read them anew when they change')
    .argument('[file]', 'the langgraph.json', 'langgraph.json')
    .option('--port <number>', 'where to serve', numberArgument, 8080)
    .option('--verbose', 'every line of the logs')
    .action((file: string, options: DevOptions) => dev(terminal, file, options));
}

async function dev(terminal: Terminal, name: string, { port, verbose }: DevOptions): Promise<void> {
  if (START === undefined)
    throw new Exit(EXIT.usage, 'this package was made without what dev starts: npm pack makes a whole one');
  const file = resolve(name);
  if (!existsSync(file)) throw new Exit(EXIT.usage, `${file} is not there: name the langgraph.json of your agents`);
  const folder = dirname(file);
  // what a worker keeps between two starts belongs to the agents, not to the checkout
  const env = {
    MILLRACE_STATE_DIR: join(folder, '.millrace'),
    ...process.env,
    PORT: String(port),
    MILLRACE_GRAPHS: file,
  };
  const args = [START, ...(verbose ? ['--verbose'] : [])];
  const house = new House(
    () => spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    terminal,
  );
  const watcher = watch(folder, { ignored: (path) => IGNORED.test(path.slice(folder.length)), ignoreInitial: true });
  let settling: NodeJS.Timeout | undefined;
  watcher.on('all', (event, path) => {
    clearTimeout(settling);
    settling = setTimeout(() => house.changed(`${path.slice(folder.length + 1)} (${event})`), SETTLED_MS);
  });
  try {
    await house.ended;
  } finally {
    clearTimeout(settling);
    await watcher.close();
  }
}

/** Everything that serves, as one child: it reads its agents anew, or starts again once a mistake in them is mended. */
class House {
  /** settles once a person has ended it */
  readonly ended: Promise<void>;
  readonly #resolve: () => void;
  #child: ChildProcess | null = null;
  #isStopping = false;

  constructor(
    private readonly launch: () => ChildProcess,
    private readonly terminal: Terminal,
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolve = resolve;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => this.#stop(signal));
    void this.#run();
  }

  changed(what: string): void {
    if (this.#isStopping) return;
    this.terminal.note(`changed: ${what}`);
    if (this.#child === null) void this.#run();
    else this.#child.send('reload');
  }

  async #run(): Promise<void> {
    const child = this.launch();
    this.#child = child;
    await once(child, 'exit');
    this.#child = null;
    if (this.#isStopping) this.#resolve();
    else this.terminal.note('waiting for a change');
  }

  #stop(signal: NodeJS.Signals): void {
    this.#isStopping = true;
    if (this.#child === null) this.#resolve();
    // a terminal sends Ctrl-C to it as well; it counts as one
    else this.#child.kill(signal);
  }
}
