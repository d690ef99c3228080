import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const PREFIX = 'millrace-logs-';

/** Before all end-to-end tests: what they start leaves its logs in a folder, one of this run unless one was given. */
export default function keepLogs(): void {
  const given = process.env['MILLRACE_TEST_LOGS'];
  if (given !== undefined) mkdirSync(given, { recursive: true });
  else process.env['MILLRACE_TEST_LOGS'] = mkdtempSync(join(tmpdir(), PREFIX));
}

/** Whether a folder of logs was made by {@link keepLogs}. */
export function isOfRun(folder: string): boolean {
  return basename(folder).startsWith(PREFIX);
}
