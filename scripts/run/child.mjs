import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { inProject } from '../setup/project.mjs';

const keptLines = 20;

/**
 * What to run and how.
 * @typedef {object} ChildSpec
 * @property {string} name for the log file and the prefix on the terminal
 * @property {string} command
 * @property {readonly string[]} args
 * @property {NodeJS.ProcessEnv} env
 * @property {string} [cwd]
 * @property {number} graceMs from SIGTERM to SIGKILL
 * @property {string} logDirectory every line goes to `<name>.log` there
 * @property {(line: string) => string | null} shown what the terminal shows of a line
 */

/**
 * One run of a command under the tether: it cannot outlive this process.
 * Emits `line` for each line of output and `exit` once, when the command and all it started are gone.
 */
export class Child extends EventEmitter {
  /** @type {number | undefined} */
  #groupId;
  /** @type {string[]} */
  #lastLines = [];
  /** @type {import('node:child_process').ChildProcess} */
  #tether;

  /** @param {ChildSpec} spec */
  constructor(spec) {
    super();
    this.name = spec.name;
    this.stopping = false;
    /** @type {string | null} how it ended: null while it runs */
    this.ended = null;
    this.#tether = spawn(
      process.execPath,
      [inProject('scripts', 'run', 'tether.mjs'), '--grace-ms', String(spec.graceMs), '--', spec.command, ...spec.args],
      { cwd: spec.cwd, env: spec.env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
    );
    this.#tether.on('message', (/** @type {{ pid: number }} */ message) => {
      this.#groupId = message.pid;
    });
    this.#tether.once('close', (code, signal) => this.#end(code, signal));
    this.#keepOutput(spec);
  }

  /** The end of its output, for the report of a crash. */
  get lastLines() {
    return this.#lastLines;
  }

  /** Asks it to end (SIGTERM, after its grace time SIGKILL) and waits until it has. */
  async stop() {
    if (this.ended !== null) return;
    this.stopping = true;
    const exited = once(this, 'exit');
    this.#tether.kill('SIGTERM');
    await exited;
  }

  /** Ends it at once. */
  kill() {
    this.stopping = true;
    this.#killGroup();
  }

  /** @param {ChildSpec} spec */
  #keepOutput({ name, logDirectory, shown }) {
    mkdirSync(logDirectory, { recursive: true, mode: 0o700 });
    const log = createWriteStream(path.join(logDirectory, `${name}.log`), { flags: 'a', mode: 0o600 });
    this.once('exit', () => log.end());
    for (const stream of [this.#tether.stdout, this.#tether.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        log.write(`${line}\n`);
        this.#lastLines = [...this.#lastLines, line].slice(-keptLines);
        const text = shown(line);
        if (text !== null) console.log(`${name.padEnd(6)} │ ${text}`);
        this.emit('line', line);
      });
    }
  }

  /**
   * @param {number | null} code
   * @param {NodeJS.Signals | null} signal
   */
  #end(code, signal) {
    // Was it the tether that died, its command is alive still and would hold the port.
    this.#killGroup();
    this.ended = signal ?? `exit code ${code}`;
    this.emit('exit');
  }

  #killGroup() {
    if (this.#groupId === undefined) return;
    try {
      process.kill(-this.#groupId, 'SIGKILL');
    } catch {
      // ESRCH: gone already, the usual case
    }
  }
}
