/** One variable that stops the process from starting. */
export interface SettingProblem {
  readonly name: string;
  /** what is wrong with it */
  readonly problem: string;
  /** what it may be, and what it means; empty where nothing more is known */
  readonly allowed: string;
}

/** The environment does not describe a process that could run. Its message is for the person who starts it:
 *  one line per variable, safe to print and log. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly code = 'INVALID_SETTINGS';

  constructor(readonly problems: readonly SettingProblem[]) {
    const lines = problems.map(({ name, problem, allowed }) => `  ${name}: ${problem}${allowed && `; ${allowed}`}`);
    super(`Cannot start, ${problems.length} bad setting${problems.length === 1 ? '' : 's'}:\n${lines.join('\n')}`);
  }
}
