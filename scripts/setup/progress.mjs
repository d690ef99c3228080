/** What was done, for the end of a step's line: "nothing to do", "v7.0.15 at /usr/bin/redis-server". @typedef {string} Outcome */

/**
 * Runs one step of the set-up and prints one line for it, with its time.
 * A step that prints output of its own gets its line afterwards; nothing is overwritten, so a log file reads as well as a terminal.
 * @template {{ outcome: Outcome }} T
 * @param {string} name
 * @param {() => T | Promise<T>} run
 * @returns {Promise<T>}
 */
export async function step(name, run) {
  const startedAt = Date.now();
  const result = await run();
  console.log(`  ✓ ${name.padEnd(13)} ${result.outcome} ${dim(`(${formatSeconds(Date.now() - startedAt)})`)}`);
  return result;
}

/** Says that something slow begins, before it does. @param {string} text */
export function announce(text) {
  console.log(`  … ${text}`);
}

/** @param {number} ms */
export const formatSeconds = (ms) => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;

const coloured = process.stdout.isTTY && !process.env['NO_COLOR'];

/** @param {string} text */
export const dim = (text) => (coloured ? `\x1b[2m${text}\x1b[22m` : text);

/** @param {string} text */
export const bold = (text) => (coloured ? `\x1b[1m${text}\x1b[22m` : text);
