/** A failure whose message already tells the reader what to do: printed without a stack trace. */
export class Problem extends Error {
  /**
   * @param {string} what what went wrong, one sentence
   * @param {...string} fixes lines that say what to do
   */
  constructor(what, ...fixes) {
    super([what, ...fixes.map((fix) => `  ${fix}`)].join('\n'));
    this.name = 'Problem';
  }
}

/**
 * The code of a system error, `EADDRINUSE` for instance; undefined for anything else.
 * @param {unknown} error
 */
export function codeOf(error) {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/**
 * Runs a script's main function: a `Problem` is printed plainly, anything else with its stack; both exit with 1.
 * @param {() => Promise<void>} main
 */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    const text = error instanceof Problem ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`\n✗ ${text}\n`);
    process.exitCode = 1;
  }
}
