import type { PipelineInfo } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';

/** How long an announcement counts, milliseconds. */
const FRESH_MS = 60_000;
/** The whole list expires this long after the last announcement, milliseconds. */
const EXPIRE_MS = 120_000;
/** Before the id of a worker in a field's name. No pipeline's name begins with it. */
const WORKER = '@';

/** A worker's pipelines. */
export interface PipelineAnnouncement {
  /** the worker's id, without blanks */
  readonly worker: string;
  /** when it started, ms since the epoch */
  readonly since: number;
  readonly pipelines: readonly PipelineInfo[];
}

/** A pipeline, and the ids of the workers that have it. */
export interface AnnouncedPipeline extends PipelineInfo {
  readonly workers: readonly string[];
}

/** Which pipelines the workers have: they announce them, and the API, which loads none, believes that for a minute.
 *
 *  A hash: pipeline name → time, as nodes of the first release read and write it, and `@<worker>` → all that is known of that
 *  worker's pipelines, which those nodes ignore because it is no number. */
export class PipelineAnnouncements {
  /** How often a worker announces its pipelines, milliseconds: two announcements may be lost. */
  static readonly EVERY_MS = 20_000;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: Pick<KeySpace, 'pipelines'>,
  ) {}

  /** Announces the pipelines of one worker, by this process's clock, and forgets workers that have not announced theirs for long. */
  async announce({ worker, since, pipelines }: PipelineAnnouncement): Promise<void> {
    const at = Date.now();
    const seen = Object.fromEntries(pipelines.map(({ name }) => [name, at]));
    const known = { [`${WORKER}${worker}`]: JSON.stringify({ at, since, pipelines }) };
    const key = this.keys.pipelines;
    await this.redis
      .multi()
      .hset(key, { ...seen, ...known })
      .pexpire(key, EXPIRE_MS)
      .exec();
    const gone = announcementsIn(await this.redis.hgetall(key)).filter((other) => other.at < at - EXPIRE_MS);
    if (gone.length > 0) await this.redis.hdel(key, ...gone.map((other) => `${WORKER}${other.worker}`));
  }

  /** @returns the pipelines that a worker has announced within the last minute */
  async names(): Promise<string[]> {
    return freshNames(await this.redis.hgetall(this.keys.pipelines), Date.now() - FRESH_MS);
  }

  /** @returns what workers have announced within the last minute, by name. Where they differ, the worker that started last is
   *    right. Of a worker of the first release only the names are known: its pipelines have no worker here. */
  async list(): Promise<AnnouncedPipeline[]> {
    const fields = await this.redis.hgetall(this.keys.pipelines);
    const oldest = Date.now() - FRESH_MS;
    const list = new Map<string, AnnouncedPipeline>();
    for (const name of freshNames(fields, oldest)) list.set(name, { name, kind: 'pipeline', workers: [] });
    const workers = announcementsIn(fields)
      .filter(({ at }) => at >= oldest)
      .sort((one, other) => one.since - other.since);
    for (const { worker, pipelines } of workers) {
      for (const info of pipelines) {
        list.set(info.name, { ...info, workers: [...(list.get(info.name)?.workers ?? []), worker] });
      }
    }
    return [...list.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }
}

type Fields = Readonly<Record<string, string>>;

function freshNames(fields: Fields, oldest: number): string[] {
  return Object.entries(fields).flatMap(([name, at]) => (Number(at) >= oldest ? [name] : []));
}

/** What a newer release has written in a way that cannot be read here is left out. */
function announcementsIn(fields: Fields): (PipelineAnnouncement & { readonly at: number })[] {
  return Object.entries(fields).flatMap(([field, json]) => {
    if (!field.startsWith(WORKER)) return [];
    try {
      const known = JSON.parse(json) as PipelineAnnouncement & { readonly at: number };
      return Array.isArray(known.pipelines) ? [{ ...known, worker: field.slice(WORKER.length) }] : [];
    } catch {
      return [];
    }
  });
}
