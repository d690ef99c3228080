import { type JobRef, tenantOf } from '@millrace/contracts';
import { type KeySpace, type RedisConnection, type RunScript, scriptsOf } from '@millrace/stream-log';

/** Entries that are kept. */
const MAX_ENTRIES = 500;
/** How long they are kept, seconds. */
const KEPT_SECONDS = 7 * 24 * 3_600;

/** The latest lines of the audit log of all nodes, kept in Redis so that the console finds them. The log itself is complete;
 *  this is not: what cannot be written is left out. */
export class AuditTrail<Entry extends object> {
  readonly #run: RunScript;

  constructor(
    private readonly redis: RedisConnection,
    private readonly keys: Pick<KeySpace, 'auditTrail' | 'jobsOf'>,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** @param job that the entry names: if it is not listed, it was erased meanwhile, and nothing of it is kept */
  async add(entry: Entry, job: JobRef | null = null): Promise<void> {
    const line = JSON.stringify({ at: new Date().toISOString(), ...entry });
    const keys = [this.keys.auditTrail, this.keys.jobsOf(job === null ? '' : tenantOf(job))];
    await this.#run('note', keys, [line, job ?? '', MAX_ENTRIES, KEPT_SECONDS]);
  }

  /** Removes entries that were kept for their time. */
  async trim(): Promise<void> {
    const { auditTrail } = this.keys;
    const oldest = new Date(Date.now() - KEPT_SECONDS * 1_000).toISOString();
    for (let line = await this.redis.lindex(auditTrail, -1); line !== null; ) {
      const entry = parsed<Entry>(line);
      if (entry !== null && entry.at > oldest) return;
      // by its text: another node may have removed it
      await this.redis.lrem(auditTrail, -1, line);
      line = await this.redis.lindex(auditTrail, -1);
    }
  }

  /** Removes entries, and what nobody can read. A line that comes meanwhile stays.
   *  @param _jobs those that the entries were added with; left out: they may be of any job, or none */
  async forget(concerns: (entry: Entry) => boolean, _jobs?: readonly JobRef[]): Promise<void> {
    const { auditTrail } = this.keys;
    const lines = await this.redis.lrange(auditTrail, 0, -1);
    const forgotten = lines.filter((line) => {
      const entry = parsed<Entry>(line);
      return entry === null || concerns(entry);
    });
    await Promise.all(forgotten.map((line) => this.redis.lrem(auditTrail, 0, line)));
  }

  /** @returns newest first */
  async latest(): Promise<(Entry & { readonly at: string })[]> {
    const lines = await this.redis.lrange(this.keys.auditTrail, 0, -1);
    return lines.map((line) => parsed<Entry>(line)).filter((entry) => entry !== null);
  }
}

/** @returns null: it was altered, and must not keep the others from being read or erased */
function parsed<Entry>(line: string): (Entry & { readonly at: string }) | null {
  try {
    return JSON.parse(line) as Entry & { readonly at: string };
  } catch {
    return null;
  }
}
