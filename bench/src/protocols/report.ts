import { describeMachine, type Machine } from '../measure/machine.ts';
import { table } from '../measure/table.ts';
import { figureOf, type Measured } from '../speed/figures.ts';
import { type Target, verdicts } from '../speed/targets.ts';
import { SHAPES } from './shapes.ts';

/** A whole run, as `bench/results/protocols.json` keeps it. */
export interface ProtocolsResult {
  readonly benchmark: 'protocols';
  /** the day, ISO 8601 */
  readonly measuredOn: string;
  readonly machine: Machine;
  readonly rounds: number;
  /** of the whole run */
  readonly seconds: number;
  readonly measured: readonly Measured[];
}

const NAMES: Readonly<Record<string, string>> = {
  native: 'native',
  'openai-chat': 'Chat Completions',
  'ai-sdk': 'AI SDK',
  langgraph: 'LangGraph runs',
  'durable-streams': 'Durable Streams',
  'openai-responses': 'Responses',
  'ag-ui': 'AG-UI',
  anthropic: 'Messages',
  all: 'all four at once',
};

const TARGETS: readonly Target[] = [
  ...['openai-chat', 'ai-sdk', 'langgraph', 'durable-streams'].map(
    (peer): Target => ({
      ...{ figure: `encoder, one token at a time: ${nameOf(peer)}`, unit: '× native', better: 'less', target: '≤ 1.5' },
      value: (lookup) => ratio(lookup('encoder', peer, 'single'), lookup('encoder', 'native', 'single')),
      limit: () => 1.5,
    }),
  ),
  {
    ...{ figure: 'API, one job watched in four protocols at once', unit: '× their sum', better: 'less', target: '≤ 1' },
    value: (lookup) => lookup('watched', 'all', 'ofSum'),
    limit: () => 1,
  },
];

export function protocolTargets({ machine, rounds, measured }: ProtocolsResult): string {
  const rows = verdicts(TARGETS, measured).map(({ target, value, verdict }) => {
    return [target.figure, value === undefined ? '–' : `${value.toFixed(2)} ${target.unit}`, target.target, verdict];
  });
  return [
    `Medians of ${rounds} rounds. Measured on ${describeMachine(machine)}.`,
    '',
    table(['figure', 'measured', 'target', ''], rows),
  ].join('\n');
}

export function protocolTables({ measured }: ProtocolsResult): string {
  const lookup = (of: string, peer: string, name: string) => figureOf(measured, of, peer, name);
  const peersOf = (of: string) => measured.filter((each) => each.of === of).map(({ peer }) => peer);
  const encoders = peersOf('encoder').map((peer) => [
    nameOf(peer),
    ...SHAPES.map(({ id }) => {
      const micros = lookup('encoder', peer, id);
      const times = ratio(micros, lookup('encoder', 'native', id));
      return micros === undefined || times === undefined ? '–' : `${micros.toFixed(3)} (${times.toFixed(2)}×)`;
    }),
  ]);
  const watched = peersOf('watched').map((peer) => [
    nameOf(peer),
    (lookup('watched', peer, 'microsPerTokenAndReader') ?? 0).toFixed(1),
    ((lookup('watched', peer, 'apiMicros') ?? 0) / 1e3).toFixed(0),
  ]);
  return [
    '**Encoder: µs of CPU per token, and beside the native format**',
    '',
    table(['', ...SHAPES.map(({ label }) => label)], encoders),
    '',
    '**One job of 100 tokens to 250 readers of each protocol, without nginx: CPU of the API**',
    '',
    table(['', 'per token and reader µs', 'in all ms'], watched),
  ].join('\n');
}

function nameOf(id: string): string {
  return NAMES[id] ?? id;
}

function ratio(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one / other;
}
