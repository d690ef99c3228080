import { entryOf } from './log-lines.mjs';

/** More jobs than anybody watches at a time. */
const keptJobs = 1_000;

/**
 * Kills the worker that runs a job when the API asks for it, so that one can watch another take the job over. It reads
 * both from their logs: which worker has started which job, and whose worker is to die.
 */
export class WorkerKiller {
  /** @type {Map<string, Killable>} by job, the worker that has started it last */
  #runners = new Map();

  /**
   * @typedef {object} Killable
   * @property {() => void} strike kills it; it starts again
   */

  /**
   * Notes what a worker has started.
   * @param {Killable} worker
   * @param {string} line of its log
   */
  note(worker, line) {
    const job = jobOf(line, 'started');
    if (job === null) return;
    this.#runners.delete(job);
    this.#runners.set(job, worker);
    const [oldest] = this.#runners.keys();
    if (oldest !== undefined && this.#runners.size > keptJobs) this.#runners.delete(oldest);
  }

  /**
   * Does what the API asks for.
   * @param {string} line of the API's log
   */
  obey(line) {
    const job = jobOf(line, 'kill the worker');
    if (job !== null) this.#runners.get(job)?.strike();
  }
}

/**
 * The job that a line is about, if it says just this.
 * @param {string} line
 * @param {string} message
 */
function jobOf(line, message) {
  // most lines are others: they need no parser
  if (!line.includes(`"msg":"${message}"`)) return null;
  const { msg, tenant, requestId } = entryOf(line) ?? {};
  return msg === message ? `${tenant} ${requestId}` : null;
}
