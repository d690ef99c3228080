import { describeMachine, type Machine } from '../measure/machine.ts';
import { median } from '../measure/median.ts';
import { table } from '../measure/table.ts';
import type { Spent } from './profiler.ts';
import type { Holdings } from './profiles.ts';

/** What one round found of one kind of work. */
export interface Profiled {
  /** of what the pieces are: `token`, `job`, … */
  readonly name: string;
  readonly pieces: number;
  readonly worker: Spent;
  readonly api: Spent;
  readonly redis: {
    readonly allMicros: number;
    readonly scripts: number;
    /** also those that scripts call */
    readonly commands: number;
  };
}

export interface ProfileResult {
  readonly machine: Machine;
  readonly rounds: number;
  readonly profiled: readonly Profiled[];
  /** KiB per stream, round by round */
  readonly idle: readonly Holdings[];
}

const TITLES: Readonly<Record<string, string>> = {
  token: 'A token that comes alone: 120 answers at 50 tokens/s, µs',
  job: 'A tiny answer (3 tokens), 100 at a time, µs',
  event: 'An event that is read from the log again, µs',
};

/** What has a smaller share than this, of each process, is not named. */
const LEAST_SHARE = 0.02;

export function profileReport({ machine, rounds, profiled, idle }: ProfileResult): string {
  const byName = Map.groupBy(profiled, ({ name }) => name);
  const parts = [...byName].flatMap(([name, each]) => ['', `**${TITLES[name] ?? name}**`, '', costTable(each)]);
  return [
    `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}. Measured on ${describeMachine(machine)}.`,
    ...parts,
    ...(idle.length === 0 ? [] : ['', '**An idle stream in the API: what is alive, KiB**', '', idleTable(idle)]),
  ].join('\n');
}

function costTable(rounds: readonly Profiled[]): string {
  const of = (micros: (round: Profiled) => number) => median(rounds.map((round) => micros(round) / round.pieces));
  const sides = (['worker', 'api'] as const).map((side) => ({
    title: side === 'api' ? 'API' : side,
    all: of((round) => round[side].allMicros),
    holders: rounds.flatMap((round) => [...round[side].byHolder.keys()]),
    of: (holder: string) => of((round) => round[side].byHolder.get(holder) ?? 0),
  }));
  // one that has hardly any part in it is left out
  const most = Math.max(...sides.map(({ all }) => all));
  const columns = sides.filter(({ all }) => all > most / 5);
  const holders = new Set(columns.flatMap((column) => column.holders));
  const rows = [...holders].map((holder) => ({ holder, micros: columns.map((column) => column.of(holder)) }));
  const { named, rest } = largest(
    rows,
    columns.map(({ all }) => all),
  );
  const redis = {
    all: of((round) => round.redis.allMicros),
    scripts: of((round) => round.redis.scripts),
    commands: of((round) => round.redis.commands),
  };
  const line = (name: string, values: readonly number[]) => [name, ...values.map(short)];
  return [
    table(
      ['who has the function that runs', ...columns.map(({ title }) => title)],
      [
        ...named.map(({ holder, micros }) => line(holder, micros)),
        line('all others', rest),
        line(
          'in all',
          columns.map(({ all }) => all),
        ),
      ],
    ),
    '',
    `Redis: ${short(redis.all)} µs: ${short(redis.scripts)} scripts and ${short(redis.commands)} commands, those of scripts included.`,
  ].join('\n');
}

function idleTable(rounds: readonly Holdings[]): string {
  const holders = new Set(rounds.flatMap((round) => [...round.keys()]));
  const rows = [...holders].map((holder) => ({
    holder,
    micros: [median(rounds.map((each) => each.get(holder) ?? 0))],
  }));
  const all = rows.reduce((sum, { micros: [kib = 0] }) => sum + kib, 0);
  const { named, rest } = largest(rows, [all]);
  return table(
    ['who has the function that made it', 'KiB'],
    [
      ...named.map(({ holder, micros }) => [holder, ...micros.map(short)]),
      ['all others', ...rest.map(short)],
      ['in all', short(all)],
    ],
  );
}

interface Row {
  readonly holder: string;
  readonly micros: readonly number[];
}

/** Those that have a share worth naming in any column, the largest first, and what the others have together. */
function largest(rows: readonly Row[], totals: readonly number[]): { readonly named: Row[]; readonly rest: number[] } {
  const share = ({ micros }: Row) => Math.max(...micros.map((value, nth) => value / (totals[nth] ?? 1)));
  const named = rows.filter((row) => share(row) >= LEAST_SHARE).sort((one, other) => share(other) - share(one));
  const others = rows.filter((row) => share(row) < LEAST_SHARE);
  return { named, rest: totals.map((_, nth) => others.reduce((sum, { micros }) => sum + (micros[nth] ?? 0), 0)) };
}

/** Three digits, which is more than differs from run to run. */
function short(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-GB', { maximumFractionDigits: 2 });
}
