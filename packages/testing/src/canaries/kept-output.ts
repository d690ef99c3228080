import { randomUUID } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Names the folder in which child processes leave their output, and tests the canaries that they send. */
export const KEPT_LOGS = 'MILLRACE_TEST_LOGS';

/** A copy of a child's output, line by line, that outlives both. */
export interface KeptOutput {
  add(line: string): void;
  close(): void;
}

/** @returns null: nobody asked for copies, by {@link KEPT_LOGS} */
export function keepOutput(command: string, args: readonly string[]): KeptOutput | null {
  const path = keptFile([command, args.find((each) => /\.m?js$/.test(each)) ?? '']);
  if (path === null) return null;
  // written at once: a test runner may end without warning
  const file = openSync(path, 'a');
  return { add: (line) => void writeSync(file, `${line}\n`), close: () => closeSync(file) };
}

/** The path of a new log in the folder of {@link KEPT_LOGS}; null: there is none. */
export function keptFile(name: readonly string[]): string | null {
  const folder = process.env[KEPT_LOGS];
  if (folder === undefined) return null;
  const [command = '', ...rest] = name;
  const words = [basename(command), ...rest].join(' ').replaceAll(/[^\w.]+/g, '-');
  return join(folder, `${words.slice(-80)}-${randomUUID().slice(0, 8)}.log`);
}
