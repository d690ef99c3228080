import { appendFileSync } from 'node:fs';
import { expect } from '@jest/globals';

/** Prints the measurements of a row of the fault matrix. If `MILLRACE_FIGURES` names a file, appends them as a line of
 *  JSON: `npm run docs:reliability` makes the table of docs/reliability.md from that file.
 *  @param figures names end in their unit (`streamsMs`, `apiMiB`); those without one are counts */
export function figures(figures: Readonly<Record<string, number>>): void {
  const row = expect.getState().currentTestName ?? '';
  const all = Object.entries(figures).map(([name, value]) => `${name} ${Math.round(value)}`);
  process.stderr.write(`${row}: ${all.join(', ')}\n`);
  const file = process.env['MILLRACE_FIGURES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ row, figures })}\n`);
}
