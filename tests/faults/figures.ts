import { expect } from '@jest/globals';

/** Prints what a row of the fault matrix has measured, for docs/reliability.md.
 *  @param figures milliseconds, or counts */
export function figures(figures: Readonly<Record<string, number>>): void {
  const all = Object.entries(figures).map(([name, value]) => `${name} ${Math.round(value)}`);
  process.stderr.write(`${expect.getState().currentTestName}: ${all.join(', ')}\n`);
}
