import { table } from '../../measure/table.ts';
import { PARTS, type Part } from '../model/coefficients.ts';
import type { Limit } from '../model/limits.ts';
import type { PartPlan, Plan } from '../model/plan.ts';
import type { Asked } from './arguments.ts';

const GIB = 2 ** 30;
const SECONDS_PER_HOUR = 3_600;
/** As many as REDIS_URLS takes (packages/runtime/src/settings/redis-urls.ts). */
const SHARDS_PER_DEPLOYMENT = 100;

/** Costs of an hour. */
export interface HourlyCosts {
  readonly vcpuHours: number;
  readonly gibHours: number;
  /** in the currency of the prices; null: a price was not given */
  readonly vcpuPrice: number | null;
  readonly gibPrice: number | null;
}

/** What an hour takes, and costs where prices are known. */
export function hourlyCosts({ cores, memoryBytes }: Plan, { vcpu, gib }: Asked['prices']): HourlyCosts {
  const gibHours = memoryBytes / GIB;
  return {
    vcpuHours: cores,
    gibHours,
    vcpuPrice: vcpu === null ? null : cores * vcpu,
    gibPrice: gib === null ? null : gibHours * gib,
  };
}

const NAMES: Readonly<Record<Part, string>> = {
  worker: 'workers',
  api: 'API nodes',
  redis: 'Redis',
  nginx: 'nginx processes',
};

/** The plan for a reader at a terminal.
 *  @param measured where and when the coefficients were measured, one line */
export function answerText(
  { plan, limits, prices }: { plan: Plan; limits: readonly Limit[]; prices: Asked['prices'] },
  measured: string,
): string {
  const { question, shards, sockets } = plan;
  const deployments = deploymentsFor(plan);
  const { streams, rate, answerTokens, jobsPerSecond, watchers, retention, utilisation } = question;
  return [
    [
      `${whole(streams)} streams at ${figure(rate)} tokens/s: ${whole(plan.tokensPerSecond)} tokens/s,`,
      `${figure(jobsPerSecond)} jobs/s of ${figure(answerTokens)} tokens, ${figure(watchers)} reader${watchers === 1 ? '' : 's'} each,`,
      `kept for ${whole(retention)} s. Processes take ${Math.round(utilisation * 100)} % of a core at most.`,
    ].join('\n'),
    shardsText(plan),
    table(
      ['', 'processes', 'cores busy', 'memory', 'in', 'out', 'of one: streams', 'tokens/s', 'memory'],
      PARTS.map((part) => row(NAMES[part], plan.parts[part])),
    ),
    [
      `Redis holds ${memory(plan.redisMemory.openBytes)} of open jobs and ${memory(plan.redisMemory.endedBytes)} of jobs that have ended.`,
      `Each worker runs ${whole(Math.ceil(plan.parts.worker.each.streams))} jobs at once: MILLRACE_WORKER_CONCURRENCY.`,
      `Sockets: ${whole(sockets.clientsToNginx)} from clients, ${whole(sockets.nginxToApi)} from nginx to the API, ` +
        `${whole(sockets.workersToModel)} to the model, ${whole(sockets.toEachRedis / deployments)} to ${shards.needed === 1 ? 'Redis' : 'each Redis'}.`,
    ].join('\n'),
    limitsText(limits, shards.needed),
    costsText(plan, prices),
    `Coefficients: ${measured}. Not in the model: docs/scale.md.`,
  ].join('\n\n');
}

/** Each of them with processes and clients of its own. */
function deploymentsFor({ shards }: Plan): number {
  return Math.ceil(shards.needed / SHARDS_PER_DEPLOYMENT);
}

function shardsText(plan: Plan): string {
  const { needed, byProcessor, byMemory } = plan.shards;
  const deployments = deploymentsFor(plan);
  const why = `${whole(byProcessor)} by the core of a Redis, ${whole(byMemory)} by ${figure(plan.question.redisGib)} GiB of memory in each`;
  if (needed === 1) return `One Redis carries it: REDIS_URL (${why}).`;
  const each = Math.ceil(needed / deployments);
  return [
    `Needs ${whole(needed)} shards, each an independent Redis (${why}).`,
    deployments === 1
      ? `One deployment serves them all: REDIS_URLS with ${whole(needed)} URLs.`
      : `A deployment has ${SHARDS_PER_DEPLOYMENT} at most: ${whole(deployments)} deployments, each with its own processes and clients, and ${whole(each)} URLs in REDIS_URLS.`,
  ].join('\n');
}

function row(name: string, part: PartPlan): string[] {
  return [
    name,
    whole(part.processes),
    figure(part.busyCores),
    memory(part.memoryBytes),
    traffic(part.inBytesPerSecond),
    traffic(part.outBytesPerSecond),
    whole(part.each.streams),
    whole(part.each.eventsPerSecond),
    memory(part.each.memoryBytes),
  ];
}

function limitsText(limits: readonly Limit[], needed: number): string {
  const wall = limits.find(({ next }) => next === 'another shard');
  const first =
    wall === undefined
      ? ''
      : `\n\nWhat no further process helps: ${wall.what} is full at ${whole(wall.streams + 1)} streams${needed > 1 ? ', which is why there are several' : ''}.`;
  return `${table(
    ['full first, with one of each', 'streams it carries', 'then'],
    limits.map(({ what, streams, next }) => [what, whole(streams), next]),
  )}${first}`;
}

function costsText(plan: Plan, prices: Asked['prices']): string {
  const { vcpuHours, gibHours, vcpuPrice, gibPrice } = hourlyCosts(plan, prices);
  const priced = [vcpuPrice, gibPrice].filter((price) => price !== null);
  const total = priced.reduce((sum, price) => sum + price, 0);
  const tokens = plan.tokensPerSecond * SECONDS_PER_HOUR;
  return [
    `An hour takes ${whole(vcpuHours)} vCPU·h and ${figure(gibHours)} GiB·h; that is ${figure(plan.coreHoursPerMillionTokens)} vCPU·h per million tokens.`,
    `Machines of ${whole(plan.question.nodeCores)} cores: ${whole(plan.machines)}.`,
    ...(priced.length === 0
      ? []
      : [
          `At these prices: ${figure(total)} an hour (${[
            ...(vcpuPrice === null ? [] : [`cores ${figure(vcpuPrice)}`]),
            ...(gibPrice === null ? [] : [`memory ${figure(gibPrice)}`]),
          ].join(', ')}), ${figure((total / tokens) * 1e6)} per million tokens.`,
        ]),
  ].join('\n');
}

/** `1,312` */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}

/** Three figures, and no more digits than that before the point allows. */
export function figure(value: number): string {
  return value >= 1_000
    ? whole(value)
    : Number(value.toPrecision(3)).toLocaleString('en-GB', { maximumFractionDigits: 9 });
}

/** `3.4 GiB` */
export function memory(bytes: number): string {
  if (bytes >= 1_024 * GIB) return `${figure(bytes / (1_024 * GIB))} TiB`;
  return bytes >= GIB ? `${figure(bytes / GIB)} GiB` : `${figure(bytes / 2 ** 20)} MiB`;
}

/** Bytes a second as networks are sold: `3.4 Mbit/s`. */
export function traffic(bytesPerSecond: number): string {
  const megabits = (bytesPerSecond * 8) / 1e6;
  if (megabits === 0) return '–';
  return megabits >= 1_000 ? `${figure(megabits / 1e3)} Gbit/s` : `${figure(megabits)} Mbit/s`;
}
