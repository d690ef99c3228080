import { describeMachine, type Machine } from '../measure/machine.ts';
import { table } from '../measure/table.ts';
import { figureOf, type Measured } from '../speed/figures.ts';
import { formatFigure } from '../speed/report.ts';
import type { Failure } from '../speed/result.ts';
import { type Target, verdicts } from '../speed/targets.ts';
import { NAMES, nameOf } from './names.ts';

/** A whole run, as `bench/results/agents.json` keeps it. */
export interface AgentsResult {
  readonly benchmark: 'agents';
  /** the day, ISO 8601 */
  readonly measuredOn: string;
  readonly machine: Machine;
  readonly rounds: number;
  /** of the whole run */
  readonly seconds: number;
  readonly measured: readonly Measured[];
  readonly failures: readonly Failure[];
}

interface Column {
  readonly head: string;
  readonly figure: string;
}

const SERVER_COLUMNS: readonly Column[] = [
  { head: 'runs/s', figure: 'runsPerSecond' },
  { head: 'first token ms', figure: 'firstTokenP50Ms' },
  { head: 'whole ms', figure: 'wholeP50Ms' },
  { head: 'graph µs', figure: 'graphMicros' },
  { head: 'relay µs', figure: 'relayMicros' },
  { head: 'Redis µs', figure: 'redisMicros' },
  { head: 'nginx µs', figure: 'nginxMicros' },
  { head: 'bytes', figure: 'bytesPerToken' },
];

const TABLES: readonly { readonly of: string; readonly title: string; readonly columns: readonly Column[] }[] = [
  {
    of: 'light',
    title: '10 runs of three steps at once, 10 tokens a step at 50 tokens/s; per token: µs of CPU, bytes on the wire',
    columns: SERVER_COLUMNS,
  },
  {
    of: 'ten',
    title: 'Runs of three steps, 10 at once, 10 tokens a step as fast as the model can',
    columns: SERVER_COLUMNS,
  },
  { of: 'hundred', title: 'The same, 100 at once', columns: SERVER_COLUMNS },
  {
    of: 'checkpoint',
    title: 'A checkpoint: what it adds to a step of the graph, one run at a time',
    columns: [
      { head: 'ms', figure: 'checkpointMs' },
      { head: 'graph µs', figure: 'graphMicros' },
      { head: 'Redis µs', figure: 'redisMicros' },
      { head: 'bytes in Redis', figure: 'checkpointBytes' },
    ],
  },
  {
    of: 'thread',
    title: 'A new job of one token in a thread that holds messages already',
    columns: [
      { head: 'first token ms', figure: 'firstTokenMs' },
      { head: 'whole ms', figure: 'wholeMs' },
      { head: 'worker ms', figure: 'workerMs' },
      { head: 'Redis ms', figure: 'redisMs' },
      { head: 'commands', figure: 'commands' },
      { head: 'thread KiB', figure: 'keptKiB' },
    ],
  },
];

const SERVER_TARGETS = [
  ['langgraph', 5, 'the LangGraph server'],
  ['pure-graph', 1.5, 'pure-graph'],
] as const;

/** Where Millrace is to stand. */
const TARGETS: readonly Target[] = [
  ...(
    [
      ['µs of CPU per token in the worker, 10 runs at once', 'ten', 'graphMicros', 'µs'],
      ['time to first token, 10 runs at the pace of a model, p50', 'light', 'firstTokenP50Ms', 'ms'],
    ] as const
  ).map(([figure, of, name, unit]): Target => {
    const bare: Target['limit'] = (lookup) => scaled(lookup(of, 'bare', name), 1.25);
    return {
      better: 'less',
      figure,
      unit,
      target: '≤ 1.25 × bare',
      value: (lookup) => lookup(of, 'millrace', name),
      limit: bare,
    };
  }),
  ...(['ten', 'hundred'] as const).flatMap((of) =>
    SERVER_TARGETS.map(
      ([peer, factor, words]): Target => ({
        better: 'more',
        figure: `runs per second, ${of === 'ten' ? '10' : '100'} at once`,
        unit: 'runs/s',
        target: `≥ ${factor} × ${words}`,
        value: (lookup) => lookup(of, 'millrace', 'runsPerSecond'),
        limit: (lookup) => scaled(lookup(of, peer, 'runsPerSecond'), factor),
      }),
    ),
  ),
];

function scaled(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}

/** How the run stands against its targets, as a table. */
export function agentTargets({ machine, rounds, measured }: AgentsResult): string {
  const rows = verdicts(TARGETS, measured).map(({ target, value, limit, verdict }) => [
    target.figure,
    value === undefined ? '–' : `${formatFigure(value)} ${target.unit}`,
    limit === undefined ? target.target : `${target.target} (${formatFigure(limit)})`,
    verdict,
  ]);
  return [
    `Medians of ${rounds} rounds. Measured on ${describeMachine(machine)}.`,
    '',
    table(['figure', 'measured', 'target', ''], rows),
  ].join('\n');
}

/** Every figure, a table for each thing that is measured. */
export function agentTables({ measured, failures }: AgentsResult): string {
  const tables = TABLES.map(({ of, title, columns }) => {
    const there = measured.filter((each) => each.of === of).map(({ peer }) => peer);
    const peers = [...Object.keys(NAMES).filter((id) => there.includes(id)), ...there.filter((id) => !(id in NAMES))];
    const rows = peers.map((peer) => [
      nameOf(peer),
      ...columns.map(({ figure }) => formatFigure(figureOf(measured, of, peer, figure))),
    ]);
    return rows.length === 0 ? '' : `**${title}**\n\n${table(['', ...columns.map(({ head }) => head)], rows)}`;
  });
  const failed = failures.map(({ of, peer, reason }) => `- ${of}, ${nameOf(peer)}: ${reason.split('\n')[0]}`);
  return [...tables.filter(Boolean), ...(failed.length === 0 ? [] : [`**Failed**\n\n${failed.join('\n')}`])].join(
    '\n\n',
  );
}
