import { eventually } from '@millrace/testing';
import type { Fired } from './alerts.ts';
import type { Incident } from './incident.ts';
import { Machine } from './machine.ts';
import type { Stage } from './stage.ts';

// a window and a `for` of the slowest rules make half of that, ten times as quick; more on a busy machine
const FIRES_WITHIN_MS = 240_000;
const CLEARS_WITHIN_MS = 240_000;

/** What became of an alert in an incident. */
export interface Row {
  readonly incident: string;
  readonly alert: string;
  /** milliseconds after the cause; null: never */
  readonly firedMs: number | null;
  /** milliseconds after the cause was gone; null: never */
  readonly clearedMs: number | null;
  /** the line of the first command's output that names the cause; null: none does */
  readonly found: string | null;
}

/** What an incident has shown. */
export interface Played {
  readonly rows: readonly Row[];
  /** what is wrong with alerts or runbook; empty: nothing */
  readonly faults: readonly string[];
}

export interface PlayOptions {
  /** by the alert's name, as the runbook prints them */
  readonly commands: ReadonlyMap<string, string>;
  /** told of each step */
  readonly say: (line: string) => void;
}

/** Lets an incident happen, and does what whoever is on call would: waits for the alerts, runs the first command of each one's
 *  section, takes the cause away, waits until all is quiet. */
export async function play(stage: Stage, incident: Incident, { commands, say }: PlayOptions): Promise<Played> {
  const { alerts } = stage;
  using machine = new Machine();
  const isExpected = (alert: string) => incident.alerts.includes(alert);
  const isOpen = (alert: string) => isExpected(alert) || !machine.explains(alert);
  const before = alerts.fired.length;
  const firedOf = (alert: string) => alerts.fired.slice(before).find((fired) => fired.alert === alert);
  const faults: string[] = [];
  say(incident.name);
  const struckAt = performance.now();
  const { finds, mend } = await incident.strike(stage);

  const found = new Map<string, string>();
  for (const alert of incident.alerts) {
    const fired = await inTime(() => firedOf(alert), FIRES_WITHIN_MS);
    if (fired === null) {
      faults.push(`${alert} does not fire`);
      continue;
    }
    say(`  ${alert} fires after ${secondsOf(fired.at - struckAt)}`);
    const { text } = await stage.shell.run(commands.get(alert) ?? 'false');
    const line = lineOf(text, finds[alert]);
    if (line === null) faults.push(`the first command of ${alert} does not find ${finds[alert]}, but:\n${text}`);
    else found.set(alert, line);
    say(`    ${line ?? 'its first command finds nothing'}`);
  }

  await mend();
  const mendedAt = performance.now();
  if ((await inTime(() => !alerts.firing.some(isOpen), CLEARS_WITHIN_MS)) === null)
    faults.push(`${alerts.firing.filter(isOpen).join(', ')} does not clear`);
  const all = alerts.fired.slice(before);
  for (const { alert } of all) {
    if (isExpected(alert) || incident.also?.includes(alert)) continue;
    if (machine.explains(alert)) say(`  ${alert} fires because this machine has other work`);
    else faults.push(`${alert} fires for it`);
  }
  const after = (from: number, at: number | null | undefined) => (at == null ? null : Math.max(0, at - from));
  const lastOf = (alert: string): Fired | undefined => all.findLast((fired) => fired.alert === alert);
  const names = [...new Set([...incident.alerts, ...all.map(({ alert }) => alert)])];
  const rows = names.map((alert) => ({
    ...{ incident: incident.name, alert },
    firedMs: after(struckAt, firedOf(alert)?.at),
    clearedMs: after(mendedAt, lastOf(alert)?.clearedAt),
    found: found.get(alert) ?? null,
  }));
  say(`  quiet ${secondsOf(performance.now() - mendedAt)} after the cause is gone`);
  return { rows, faults: faults.map((fault) => `${incident.name}: ${fault}`) };
}

/** Milliseconds as whole seconds, `12 s`. */
export function secondsOf(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}

/** @returns null: it did not hold in time */
async function inTime<T>(condition: () => T, timeoutMs: number): Promise<NonNullable<Exclude<T, false>> | null> {
  return eventually(condition, { timeoutMs, everyMs: 100 }).catch(() => null);
}

/** The first line that is part of what matches. */
function lineOf(text: string, pattern: RegExp | undefined): string | null {
  const match = pattern?.exec(text);
  if (match == null) return null;
  const start = text.lastIndexOf('\n', match.index) + 1;
  const [line = ''] = text.slice(start).split('\n', 1);
  return line.trim();
}
