/** A table that reads as well on a terminal as in Markdown: the first column to the left, figures to the right.
 *  @param head the first line
 *  @param rows cells in the order of the head; what is missing is empty */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0), 2));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => pad(cells[column] ?? '', width, column)).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** Milliseconds for a reader: `1,312`; tenths only below ten, where they matter. */
export function formatMs(ms: number): string {
  return ms.toLocaleString('en-GB', { maximumFractionDigits: ms < 10 ? 1 : 0 });
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
