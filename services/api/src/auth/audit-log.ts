import { createWriteStream, type WriteStream } from 'node:fs';
import { type JobRef, jobRef } from '@millrace/contracts';
import { createLogger, type Logger } from '@millrace/runtime';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { z } from 'zod';
import type { ApiSettings } from '../settings.ts';
import { LOGGER, SETTINGS } from '../tokens.ts';
import { AuditTrail } from './audit-trail.ts';
import type { Caller } from './caller.ts';

/** One line of the audit log: who did what to which thing. It holds ids, never content or secrets. */
const auditEntrySchema = z.object({
  action: z.enum([
    'key.create',
    'key.delete',
    'token.create',
    'token.revoke',
    'session.open',
    'session.end',
    'job.cancel',
    'jobs.cancel',
    'job.reveal',
    'job.erase',
    'thread.delete',
    'tenant.erase',
    'limits.set',
    'queue.pause',
    'queue.resume',
    'worker.drain',
    'worker.resume',
  ]),
  /** whose credential it was; `credential`: its id, null for a key of the settings or a JWT */
  by: z.object({
    tenant: z.string(),
    role: z.string(),
    subject: z.string().nullable(),
    credential: z.string().nullable(),
  }),
  /** of what was changed */
  tenant: z.string().nullable(),
  /** the key, token, session, job, thread or worker; null: several */
  target: z.string().nullable(),
  /** of a job: the thread that it is in */
  threadId: z.string().nullable().optional(),
  /** facts that are no content: counts, roles, names of limits */
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
});
export type AuditEntry = z.output<typeof auditEntrySchema>;

/** Name a job that is there. */
const OF_JOBS: ReadonlySet<AuditEntry['action']> = new Set(['job.cancel', 'job.reveal']);
const ERASES: ReadonlySet<AuditEntry['action']> = new Set(['job.erase', 'thread.delete', 'tenant.erase']);

/** Writes down who changes access, cancels what is another tenant's, or erases: among the other lines of the log, set apart by
 *  `audit: true`, or to a file of its own. The level of the log does not matter. @see PROTOCOL.md §11 */
@Injectable()
export class AuditLog implements OnApplicationShutdown {
  readonly #logger: Logger;
  readonly #file: WriteStream | null;

  constructor(
    @Inject(LOGGER) logger: Logger,
    @Inject(SETTINGS) { MILLRACE_AUDIT_FILE: path }: ApiSettings,
    @Inject(AuditTrail) private readonly trail: AuditTrail<AuditEntry>,
  ) {
    this.#file = path === undefined ? null : createWriteStream(path, { flags: 'a', mode: 0o600 });
    this.#file?.on('error', (error) => logger.error({ err: error, path }, 'the audit log cannot be written'));
    const target =
      this.#file === null ? logger : createLogger({ service: 'api', level: 'info', destination: this.#file });
    this.#logger = target.child({ audit: true }, { level: 'info' });
  }

  record({ tenant, role, subject, credential }: Caller, entry: Omit<AuditEntry, 'by'>): void {
    const by = { tenant, role, subject, credential: credential.id };
    const line = auditEntrySchema.parse({ ...entry, by });
    this.#logger.info(line, entry.action);
    // nothing of what was erased stays in Redis, not even its id
    if (ERASES.has(entry.action)) return;
    const { tenant: owner, target } = line;
    const job = OF_JOBS.has(entry.action) && owner !== null && target !== null ? jobRef(owner, target) : null;
    this.trail.add(line, job).catch(() => {
      // Redis is away, which its connection logs: the line is in the log
    });
  }

  /** Removes from the copy in Redis what names jobs that are to be erased: reasons are free text, and clients choose ids. Must
   *  be called before the jobs go, so that a failure leaves them to be erased again, and after that, for what came meanwhile. */
  async forgetJobs(refs: readonly JobRef[]): Promise<void> {
    if (refs.length === 0) return;
    const erased = new Set<string>(refs);
    await this.trail.forget(({ tenant, target }) => {
      return tenant !== null && target !== null && erased.has(jobRef(tenant, target));
    }, refs);
  }

  /** As {@link forgetJobs}, for all jobs that were ever in a thread. */
  async forgetThread({ tenant, threadId }: { readonly tenant: string; readonly threadId: string }): Promise<void> {
    await this.trail.forget((entry) => entry.tenant === tenant && entry.threadId === threadId);
  }

  /** Removes from the copy in Redis all that was done to a tenant's things. */
  async forgetTenant(tenant: string): Promise<void> {
    await this.trail.forget((entry) => entry.tenant === tenant);
  }

  onApplicationShutdown(): void {
    this.#file?.end();
  }
}
