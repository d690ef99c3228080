import { setTimeout as delay } from 'node:timers/promises';
import { type FaultProxy, Random } from '@millrace/testing';
import type { FaultKind, Strike } from './schedule.ts';
import type { Stage } from './stage.ts';

/** Injects one fault, and restores what it took away.
 *  @returns what it chose to strike, or '' if there is no choice; settles when everything is restored */
type Fault = (stage: Stage, random: Random, lastsMs: number) => Promise<string>;

/** How to inject each fault. */
const FAULTS: Readonly<Record<FaultKind, Fault>> = {
  'clients cut after random bytes': async ({ clients }, random, lastsMs) => {
    const before = clients.cuts;
    // an answer's head is about 500 bytes: some answers are cut before their first event
    clients.cutAfter(() => random.int(0, 4_000));
    await delay(lastsMs);
    clients.cutAfter(Number.POSITIVE_INFINITY);
    return `${clients.cuts - before} cuts`;
  },
  'clients reset': async ({ clients }) => {
    const { open } = clients;
    clients.reset();
    return `${open} connections`;
  },
  'SUBSCRIBE connections killed': async ({ redis }) => {
    return `${await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')} connections`;
  },
  'connections of BullMQ killed': killQueueConnections,
  'SCRIPT FLUSH': async ({ redis }) => String(await redis.script('FLUSH')),
  'CLIENT PAUSE': async ({ redis }, _random, lastsMs) => {
    await redis.call('CLIENT', 'PAUSE', lastsMs, 'ALL');
    await delay(lastsMs);
    return '';
  },
  'Redis stopped': async ({ system }, _random, lastsMs) => {
    await system.redis.shutDown();
    await delay(lastsMs);
    await system.redis.start();
    return '';
  },
  'Redis blackholed': onTheWay((way, on) => way.blackhole(on)),
  'Redis refuses connections': onTheWay((way, on) => way.refuse(on)),
  'Redis far away': onTheWay((way, on, random) => way.latency(on ? random.int(20, 150) : 0)),
  'Redis on a thin line': onTheWay((way, on, random) =>
    way.throttle(on ? random.int(50_000, 200_000) : Number.POSITIVE_INFINITY),
  ),
  'worker SIGKILL': (stage, random, lastsMs) => replace(stage, 'worker', random, 'SIGKILL', lastsMs),
  'worker SIGTERM': (stage, random, lastsMs) => replace(stage, 'worker', random, 'SIGTERM', lastsMs),
  'worker SIGSTOP, SIGCONT': async (stage, random, lastsMs) => {
    const worker = stage.service('worker', random.int(0, 1));
    worker.pause();
    await delay(lastsMs);
    worker.resume();
    return `pid ${worker.pid}`;
  },
  'API node SIGKILL': (stage, random, lastsMs) => replace(stage, 'api', random, 'SIGKILL', lastsMs),
  'API node SIGTERM': (stage, random, lastsMs) => replace(stage, 'api', random, 'SIGTERM', lastsMs),
  'nginx reload': async ({ system }) => {
    process.kill(system.proxy.child.pid, 'SIGHUP');
    return '';
  },
};

/** Carries out a strike now; see {@link Fault}. */
export function strike(stage: Stage, { kind, lastsMs, seed }: Strike): Promise<string> {
  return FAULTS[kind](stage, new Random(seed), lastsMs);
}

/** A network fault between Redis and the services of one kind, or of both. */
function onTheWay(set: (way: FaultProxy, on: boolean, random: Random) => void): Fault {
  return async ({ system: { network } }, random, lastsMs) => {
    const names = random.pick([['api'], ['worker'], ['api', 'worker']] as const);
    for (const name of names) set(network[name], true, random);
    await delay(lastsMs);
    for (const name of names) set(network[name], false, random);
    return `for ${names.join(' and ')}`;
  };
}

async function replace(
  stage: Stage,
  name: 'api' | 'worker',
  random: Random,
  how: 'SIGTERM' | 'SIGKILL',
  lastsMs: number,
): Promise<string> {
  const number = random.int(0, 1);
  const { pid } = stage.service(name, number);
  await stage.replace(name, number, how, lastsMs);
  return `pid ${pid}`;
}

/** Kills the producer's connection of each API node, and the consumer's of each worker. */
async function killQueueConnections({ redis }: Stage): Promise<string> {
  const clients = String(await redis.client('LIST')).split('\n');
  const ids = clients
    .filter((line) => /:(queue|blocking)/.test(line))
    .map((line) => /\bid=(\d+)/.exec(line)?.[1] ?? '');
  // a connection that is already closed is not an error
  for (const id of ids) await redis.call('CLIENT', 'KILL', 'ID', id);
  return `${ids.length} connections`;
}
