import { execFile } from 'node:child_process';

const TIMEOUT_MS = 60_000;
const MAX_BYTES = 4 * 1_048_576;

export interface Printed {
  /** null: it was killed because it took too long */
  readonly code: number | null;
  /** stdout, then stderr */
  readonly text: string;
}

/** The terminal of whoever is on call: runs a command of the runbook as it is printed. */
export class Shell {
  /** called before each command */
  before: () => Promise<void> = async () => {};

  /** @param env the variables that the runbook names */
  constructor(private readonly env: Readonly<Record<string, string>>) {}

  async run(command: string): Promise<Printed> {
    await this.before();
    const options = { env: { HOME: process.env['HOME'], ...this.env }, timeout: TIMEOUT_MS, maxBuffer: MAX_BYTES };
    return new Promise((resolve) => {
      execFile('bash', ['-o', 'pipefail', '-c', command], options, (error, stdout, stderr) => {
        const failed = typeof error?.code === 'number' ? error.code : null;
        resolve({ code: error === null ? 0 : failed, text: `${stdout}${stderr}` });
      });
    });
  }
}
