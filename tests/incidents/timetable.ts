import { type Row, secondsOf } from './day.ts';

const HEAD = ['incident', 'alert', 'fired after', 'cleared after', 'what its first command finds'] as const;
const MOST = 160;

/** The day as a table: a row for each alert that fired, or should have. */
export function timetableOf(rows: readonly Row[]): string {
  const time = (ms: number | null) => (ms === null ? 'never' : secondsOf(ms));
  const cells = rows.map(({ incident, alert, firedMs, clearedMs, found }, index) => [
    incident === rows[index - 1]?.incident ? '' : incident,
    alert,
    time(firedMs),
    time(clearedMs),
    (found ?? '').slice(0, MOST),
  ]);
  const all = [HEAD, ...cells];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
