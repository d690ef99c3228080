/** @returns as `820 ms`, `4.2 s` or `3 min`; a dash for nothing */
export function duration(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`;
  if (count < 1_048_576) return `${(count / 1_024).toFixed(1)} kB`;
  return `${(count / 1_048_576).toFixed(1)} MB`;
}

export function count(number: number): string {
  return number.toLocaleString('en-GB', { maximumFractionDigits: 1 });
}

/** @param iso null for never */
export function time(iso: string | null): string {
  return iso === null ? '–' : new Date(iso).toLocaleString('en-GB', { dateStyle: 'short', timeStyle: 'medium' });
}

/** The time between two moments. */
export function between(from: string | null, to: string | null): string {
  return from === null || to === null ? '–' : duration(Date.parse(to) - Date.parse(from));
}
