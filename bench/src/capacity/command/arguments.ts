import { parseArgs } from 'node:util';
import { DEFAULTS, type Question, questionOf } from '../model/question.ts';

/** What a command line asks for. */
export interface Asked {
  readonly question: Question;
  /** prices per hour, in whatever currency; null: not given */
  readonly prices: { readonly vcpu: number | null; readonly gib: number | null };
  readonly json: boolean;
}

/** An argument that cannot be meant, with what to write instead. */
export class BadArgument extends Error {
  override readonly name = 'BadArgument';
}

/** What a number may be, for the message that refuses another. */
interface Bounds {
  readonly isGood: (value: number) => boolean;
  readonly words: string;
}

const ABOVE_ZERO: Bounds = { isGood: (value) => value > 0, words: 'a number above 0' };
const NOT_BELOW_ZERO: Bounds = { isGood: (value) => value >= 0, words: '0 or a number above it' };
const COUNT: Bounds = {
  isGood: (value) => Number.isSafeInteger(value) && value >= 1,
  words: 'a whole number from 1 on',
};
/** Beyond what the arithmetic of whole numbers carries, whatever else is asked. */
const MOST_TOKENS = 1e12;

/** The options that are numbers, and what each may be. */
const NUMBERS = {
  streams: COUNT,
  rate: ABOVE_ZERO,
  'jobs-per-second': ABOVE_ZERO,
  'answer-tokens': ABOVE_ZERO,
  watchers: { isGood: (value) => value >= 1, words: 'a number from 1 on' },
  retention: NOT_BELOW_ZERO,
  utilisation: { isGood: (value) => value >= 10 && value <= 100, words: 'a number from 10 to 100, in per cent' },
  'redis-gib': { isGood: (value) => value >= 0.1, words: 'a number from 0.1 on, in GiB' },
  'nodes-cores': COUNT,
  'vcpu-price': NOT_BELOW_ZERO,
  'gib-price': NOT_BELOW_ZERO,
} as const satisfies Record<string, Bounds>;

type NumberName = keyof typeof NUMBERS;

export const HELP = `usage: npm run capacity -- --streams N --rate N [options]

Says what a deployment needs that carries so many streams: processes, cores, memory, network, and what is full first. It starts
nothing: it multiplies what \`npm run bench:capacity\` has measured (bench/results/capacity.json). docs/scale.md has the model.

  --streams N          streams that are open at a time, each with a job that runs
  --rate N             tokens per second of one stream

  --answer-tokens N    tokens of an answer; ${DEFAULTS.answerTokens}, or what --jobs-per-second leaves for one
  --jobs-per-second N  jobs that begin per second; as many as end when one answer follows the other without a pause
  --watchers N         readers of each stream, each on an API node of its own; ${DEFAULTS.watchers}
  --retention N        how long a job is kept after its end, seconds; ${DEFAULTS.retention}, as MILLRACE_LOG_RETENTION_SECONDS

  --utilisation N      how much of its core a process may take, per cent; ${DEFAULTS.utilisation * 100}
  --redis-gib N        what one Redis may hold, GiB; ${DEFAULTS.redisGib}
  --nodes-cores N      cores of one machine; ${DEFAULTS.nodeCores}

  --vcpu-price N       price of a vCPU for an hour, in any currency; without it, no cost is printed for cores
  --gib-price N        price of a GiB of memory for an hour; likewise
  --json               the same as JSON (\`npm run -s capacity -- … --json\`: npm prints lines of its own otherwise)
  --help               this text

For example: npm run capacity -- --streams 10000 --rate 20 --retention 3600`;

/** Reads a command line.
 *  @returns null: it asks for help
 *  @throws BadArgument an argument is missing, unknown or cannot be meant */
export function askedBy(args: readonly string[]): Asked | null {
  const { texts, flags } = optionsIn(args);
  if (flags.has('help')) return null;
  const numberOf = (name: NumberName): number | undefined => {
    const text = texts.get(name);
    return text === undefined ? undefined : numberIn(name, text);
  };
  const optional = {
    jobsPerSecond: numberOf('jobs-per-second'),
    answerTokens: numberOf('answer-tokens'),
    watchers: numberOf('watchers'),
    retention: numberOf('retention'),
    utilisation: scaled(numberOf('utilisation'), 0.01),
    redisGib: numberOf('redis-gib'),
    nodeCores: numberOf('nodes-cores'),
  };
  // what is undefined would hide a default
  const given = Object.fromEntries(
    Object.entries(optional).filter(([, value]) => value !== undefined),
  ) as Partial<Question>;
  const question = questionOf({
    streams: numberOf('streams') ?? missing('streams', 'how many streams are open at a time', 1_000),
    rate: numberOf('rate') ?? missing('rate', 'how many tokens per second a stream says', 20),
    ...given,
  });
  requireBounded(question);
  return {
    question,
    prices: { vcpu: numberOf('vcpu-price') ?? null, gib: numberOf('gib-price') ?? null },
    json: flags.has('json'),
  };
}

/** @throws BadArgument it is more than the model can count */
function requireBounded({ streams, rate, watchers, jobsPerSecond }: Question): void {
  if (Math.max(streams, streams * rate, jobsPerSecond) * watchers <= MOST_TOKENS) return;
  throw new BadArgument(
    '--streams, --rate, --jobs-per-second and --watchers together are too much: a million million a second at most',
  );
}

function optionsIn(args: readonly string[]): { texts: Map<string, string>; flags: Set<string> } {
  const texts = new Map<string, string>();
  const flags = new Set<string>();
  const numbers = Object.keys(NUMBERS).map((name) => [name, { type: 'string' }] as const);
  const { tokens } = parseArgs({
    args: [...args],
    // its own messages would not say what to write instead
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      ...Object.fromEntries(numbers),
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  for (const token of tokens) {
    if (token.kind === 'positional')
      throw new BadArgument(`${token.value} belongs to no argument: write its name before it, as in --streams 1000`);
    if (token.kind === 'option-terminator') continue;
    const { name, rawName, value } = token;
    if (name === 'json' || name === 'help') flags.add(name);
    else if (!Object.hasOwn(NUMBERS, name)) throw new BadArgument(`there is no ${rawName}: --help lists the arguments`);
    else if (value === undefined) throw new BadArgument(`${rawName} has no value: it must be ${boundsOf(name).words}`);
    else texts.set(name, value);
  }
  return { texts, flags };
}

function numberIn(name: NumberName, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const { isGood, words } = NUMBERS[name];
  if (Number.isFinite(value) && isGood(value)) return value;
  throw new BadArgument(`--${name} is ${text === '' ? 'empty' : text}: it must be ${words}`);
}

function boundsOf(name: string): Bounds {
  return NUMBERS[name as NumberName];
}

function missing(name: NumberName, what: string, example: number): never {
  throw new BadArgument(`--${name} is missing: say ${what}, as in --${name} ${example}`);
}

function scaled(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}
