import { EventEmitter, once } from 'node:events';
import { Problem } from '../setup/problem.mjs';
import { formatSeconds } from '../setup/progress.mjs';
import { Child } from './child.mjs';

const firstBackoffMs = 500;
const longestBackoffMs = 10_000;
const crashesForgivenWithin = { count: 5, ms: 60_000 };

/**
 * How long to wait before a child is started again.
 * @param {number} crashes how often it has crashed of late, 1 or more
 */
const backoffMs = (crashes) => Math.min(longestBackoffMs, firstBackoffMs * 2 ** (crashes - 1));

/**
 * Keeps one child running: a crash after it was ready starts it again with a growing pause, a crash before that, or
 * many in a short time, is given up. Emits `line` for each line of its output, and `problem` once when it gives up.
 */
export class KeptChild extends EventEmitter {
  /** @type {number[]} times of the recent crashes */
  #crashes = [];
  /** @type {NodeJS.Timeout | undefined} */
  #restart;
  #stopped = false;
  #wasReady = false;
  #isStruck = false;
  /** @type {Child} */
  #child;

  /**
   * @param {import('./child.mjs').ChildSpec} spec
   */
  constructor(spec) {
    super();
    this.spec = spec;
    this.#child = this.#launch();
  }

  /**
   * Waits until the child says that it is ready.
   * @param {(child: Child, signal: AbortSignal) => Promise<void>} isReady resolves then; the signal aborts when the child dies
   * @throws {Problem} it died first
   */
  async ready(isReady) {
    const died = new AbortController();
    const crash = once(this.#child, 'exit', { signal: died.signal }).then(() => {
      throw this.#crashReport(`${this.spec.name} did not start`);
    });
    try {
      await Promise.race([isReady(this.#child, died.signal), crash]);
      this.#wasReady = true;
    } finally {
      died.abort();
      crash.catch(() => {}); // the losing side of the race: aborted above
    }
  }

  /** Ends the child in order and does not start it again. */
  async stop() {
    this.#stopped = true;
    clearTimeout(this.#restart);
    await this.#child.stop();
  }

  /** Ends the child at once. */
  kill() {
    this.#stopped = true;
    clearTimeout(this.#restart);
    this.#child.kill();
  }

  /** Kills the child as a crash would, and starts it again. However often that happens, it is not given up. */
  strike() {
    // it is down already, and comes back
    if (this.#child.ended !== null) return;
    this.#isStruck = true;
    this.#child.kill();
  }

  #launch() {
    const child = new Child(this.spec);
    child.on('line', (line) => this.emit('line', line));
    child.once('exit', () => this.#exited());
    return child;
  }

  #exited() {
    // A crash before it was ready is reported by ready().
    if (this.#stopped || !this.#wasReady) return;
    if (this.#isStruck) {
      this.#isStruck = false;
      this.#startAgain('was killed, as somebody asked on the page', firstBackoffMs);
      return;
    }
    const now = Date.now();
    this.#crashes = [...this.#crashes.filter((at) => now - at < crashesForgivenWithin.ms), now];
    if (this.#crashes.length > crashesForgivenWithin.count) {
      this.emit('problem', this.#crashReport(`${this.spec.name} keeps crashing`));
      return;
    }
    this.#startAgain(`ended unexpectedly (${this.#child.ended})`, backoffMs(this.#crashes.length));
  }

  /**
   * @param {string} why
   * @param {number} pauseMs
   */
  #startAgain(why, pauseMs) {
    console.log(`${this.spec.name} ${why}; it starts again in ${formatSeconds(pauseMs)}`);
    this.#restart = setTimeout(() => {
      this.#child = this.#launch();
    }, pauseMs);
  }

  /** @param {string} what */
  #crashReport(what) {
    return new Problem(
      `${what} (${this.#child.ended}). The end of its log:`,
      ...this.#child.lastLines,
      `All of it: ${this.spec.logDirectory}/${this.spec.name}.log`,
    );
  }
}
