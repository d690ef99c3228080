import { Random } from '@millrace/testing';

/** What a strike may be, with how long it lasts, milliseconds: the least and the most. Those that last no time are over
 *  as soon as they have struck. Services that end are away for that long before a new one is started. */
const LANES = {
  clients: {
    'clients cut after random bytes': [2_000, 5_000],
    'clients reset': [0, 0],
  },
  redis: {
    'SUBSCRIBE connections killed': [0, 0],
    'connections of BullMQ killed': [0, 0],
    'SCRIPT FLUSH': [0, 0],
    'CLIENT PAUSE': [200, 1_000],
    'Redis stopped': [500, 8_000],
    'Redis blackholed': [1_000, 8_000],
    'Redis refuses connections': [500, 5_000],
    'Redis far away': [2_000, 5_000],
    'Redis on a thin line': [2_000, 5_000],
  },
  workers: {
    'worker SIGKILL': [0, 3_000],
    'worker SIGTERM': [0, 2_000],
    // beyond the 12 s within which a dead worker is noticed, below the patience with a silent model
    'worker SIGSTOP, SIGCONT': [14_000, 16_000],
  },
  apis: {
    'API node SIGKILL': [0, 3_000],
    'API node SIGTERM': [0, 2_000],
  },
  proxy: {
    'nginx reload': [0, 0],
  },
} as const;

/** Within a lane one strike follows the other, so that there is always a way back; strikes of different lanes overlap.
 *  Between two of them it is quiet for this long, milliseconds: the least and the most. */
const QUIET_MS: Readonly<Record<Lane, readonly [number, number]>> = {
  clients: [2_000, 6_000],
  redis: [1_500, 5_000],
  workers: [2_000, 8_000],
  apis: [4_000, 10_000],
  proxy: [10_000, 30_000],
};

type Lane = keyof typeof LANES;

/** The name of a fault, as it is reported. */
export type FaultKind = { [L in Lane]: keyof (typeof LANES)[L] }[Lane];

/** One fault at one time. */
export interface Strike {
  readonly lane: string;
  readonly kind: FaultKind;
  /** after the beginning of the run, milliseconds */
  readonly atMs: number;
  /** milliseconds */
  readonly lastsMs: number;
  /** of all that it chooses besides: which process, how many bytes */
  readonly seed: number;
}

/** The faults of a run: the same for the same seed and length.
 *  @returns in order of time; all are over when the run is */
export function scheduleOf(seed: number, minutes: number): Strike[] {
  const random = new Random(seed);
  const lanes = Object.keys(LANES) as Lane[];
  return lanes
    .flatMap((lane) => strikesOf(lane, minutes * 60_000, new Random(random.seed())))
    .sort((one, other) => one.atMs - other.atMs);
}

function strikesOf(lane: Lane, runMs: number, random: Random): Strike[] {
  const faults = Object.entries(LANES[lane]) as [FaultKind, readonly [number, number]][];
  const strikes: Strike[] = [];
  let deck: typeof faults = [];
  let atMs = 0;
  for (;;) {
    // each fault once before any of them comes again: a short run has them all
    if (deck.length === 0) deck = random.shuffled(faults);
    atMs += random.int(...QUIET_MS[lane]);
    const [kind, length] = deck.shift() ?? random.pick(faults);
    const lastsMs = random.int(...length);
    if (atMs + lastsMs > runMs) return strikes;
    strikes.push({ lane, kind, atMs, lastsMs, seed: random.seed() });
    atMs += lastsMs;
  }
}
