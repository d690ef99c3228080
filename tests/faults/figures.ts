import { appendFileSync } from 'node:fs';
import { expect } from '@jest/globals';

/** Prints what a row of the fault matrix has measured. Where `MILLRACE_FIGURES` names a file, a line of JSON is added
 *  to it: `npm run docs:reliability` makes the table of docs/reliability.md from these.
 *  @param figures names end in their unit (`streamsMs`, `apiMiB`); without one they are counts */
export function figures(figures: Readonly<Record<string, number>>): void {
  const row = expect.getState().currentTestName ?? '';
  const all = Object.entries(figures).map(([name, value]) => `${name} ${Math.round(value)}`);
  process.stderr.write(`${row}: ${all.join(', ')}\n`);
  const file = process.env['MILLRACE_FIGURES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ row, figures })}\n`);
}
