const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** @param time ISO 8601
 *  @returns how long ago that was, in its largest unit: `3 min` */
export function age(time: string, now = Date.now()): string {
  const ms = Math.max(0, now - Date.parse(time));
  const [unit, size] = UNITS.find(([, size]) => ms >= size) ?? ['s', 1000];
  return `${Math.floor(ms / size)} ${unit}`;
}
