/** An agent of `MILLRACE_GRAPHS` cannot be used; the worker does not start. */
export class AgentLoadError extends Error {
  override readonly name = 'AgentLoadError';

  /** @param where the file, and the agent and export where the problem is one agent's
   *  @param problem one line */
  constructor(
    readonly where: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${where}: ${problem}`, options);
  }
}

/** The first line of an error that says something, for a message of one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('at '));
  // esbuild counts the errors first and names them below
  const told = lines.find((line, nth) => nth > 0 && /\bERROR: /.test(line)) ?? lines[0] ?? 'no reason given';
  return told.replace(/\?(?:tsx-)?namespace=[\w-]+/g, '');
}
