import { Random } from '@millrace/testing';

/** The kinds of strikes, with their min and max duration, milliseconds. Those without a duration are over as soon as
 *  they have struck. A service that ends is away for that long before a new one starts. */
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
    // longer than the 12 s in which a dead worker is noticed, shorter than the timeout of a silent model
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

/** Strikes follow each other within a lane, so that recovery is always possible; strikes of different lanes overlap.
 *  The min and max pause between two strikes, milliseconds. */
const QUIET_MS: Readonly<Record<Lane, readonly [number, number]>> = {
  clients: [2_000, 6_000],
  redis: [1_500, 5_000],
  workers: [2_000, 8_000],
  apis: [4_000, 10_000],
  proxy: [10_000, 30_000],
};

type Lane = keyof typeof LANES;

/** The name of a fault in reports. */
export type FaultKind = { [L in Lane]: keyof (typeof LANES)[L] }[Lane];

/** One fault at one time. */
export interface Strike {
  readonly lane: string;
  readonly kind: FaultKind;
  /** from the start of the run, milliseconds */
  readonly atMs: number;
  /** milliseconds */
  readonly lastsMs: number;
  /** seed of its other choices: which process, how many bytes */
  readonly seed: number;
}

/** The faults of a run: the same for the same seed and duration.
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
    // each fault once before any repeats: a short run has them all
    if (deck.length === 0) deck = random.shuffled(faults);
    atMs += random.int(...QUIET_MS[lane]);
    const [kind, length] = deck.shift() ?? random.pick(faults);
    const lastsMs = random.int(...length);
    if (atMs + lastsMs > runMs) return strikes;
    strikes.push({ lane, kind, atMs, lastsMs, seed: random.seed() });
    atMs += lastsMs;
  }
}
