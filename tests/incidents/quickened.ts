import { parse, stringify } from 'yaml';

/** The keys of Prometheus's files whose value is a duration. */
const DURATIONS = new Set([
  'for',
  'keep_firing_for',
  'interval',
  'scrape_interval',
  'scrape_timeout',
  'evaluation_interval',
]);
/** The durations of an expression: ranges, steps of subqueries, offsets. */
const WINDOWS = /\[[^\]]+\]|\boffset\s+\S+/g;
const DURATION = /\b(\d+)(ms|s|m|h|d)\b/g;
const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A configuration or rules of Prometheus in which all takes a fraction of its time: scrapes, evaluations, windows, `for`. So a
 *  window still has as many scrapes, and a condition is still looked at as often before it fires. Thresholds stay, those in
 *  seconds too: they are compared with what the service really does.
 *  @param yaml as in infra/observability
 *  @param times how many times as quick */
export function quickened(yaml: string, times: number): string {
  const walk = (value: unknown, key: string): unknown => {
    if (Array.isArray(value)) return value.map((item) => walk(item, key));
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, walk(item, name)]));
    if (typeof value !== 'string') return value;
    if (DURATIONS.has(key)) return divided(value, times);
    return key === 'expr' ? value.replace(WINDOWS, (window) => divided(window, times)) : value;
  };
  return stringify(walk(parse(yaml), ''));
}

function divided(text: string, times: number): string {
  return text.replace(
    DURATION,
    (_, count: string, unit: keyof typeof UNITS_MS) => `${Math.round((Number(count) * UNITS_MS[unit]) / times)}ms`,
  );
}
