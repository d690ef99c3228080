import type { RetryPolicy } from './backoff.ts';
import { Job } from './job.ts';
import type { Model, Pipeline } from './job-view.ts';
import { Jobs } from './jobs.ts';
import { Limits } from './limits.ts';
import { PlainJob } from './plain-job.ts';
import type { Link } from './resumed-events.ts';
import { Threads } from './threads.ts';
import { Tokens } from './tokens.ts';
import { type CallOptions, Transport, type TransportOptions, withQuery } from './transport.ts';
import type { UsageFilter, UsageItem } from './usage.ts';

export interface MillraceOptions extends TransportOptions, Partial<RetryPolicy> {
  /** the server's heartbeat interval, milliseconds (15,000 unless its operator changed it): after three intervals
   *  without a byte, a connection counts as lost */
  readonly heartbeatMs?: number;
}

/** The jobs of a service and nothing else: for a page that asks and reads text or events, less code than {@link Millrace}.
 *  @example
 *  const job = await openJobs().create({ query: 'Why is the sky blue?' }); */
export function openJobs(options: MillraceOptions = {}): Jobs<PlainJob> {
  return new Jobs(linkTo(options), PlainJob);
}

function linkTo(options: MillraceOptions): Link {
  const { retryMs = 1000, maxRetryMs = 15_000, maxFailures = 20, heartbeatMs = 15_000 } = options;
  const policy = { retryMs, maxRetryMs, maxFailures };
  return { transport: new Transport(options), policy, silenceMs: 3 * heartbeatMs };
}

/** A Millrace service, for browsers, Node and workers.
 *  @example
 *  const millrace = new Millrace({ baseUrl: 'http://localhost:8080' });
 *  const job = await millrace.jobs.create({ query: 'Why is the sky blue?' });
 *  for await (const text of job.text()) process.stdout.write(text); */
export class Millrace {
  readonly jobs: Jobs;
  /** conversations of several jobs */
  readonly threads: Threads;
  readonly tokens: Tokens;
  /** of tenants */
  readonly limits: Limits;
  private readonly transport: Transport;

  constructor(options: MillraceOptions = {}) {
    const link = linkTo(options);
    this.transport = link.transport;
    this.jobs = new Jobs(link, Job);
    this.threads = new Threads(link, this.jobs);
    this.tokens = new Tokens(this.transport);
    this.limits = new Limits(this.transport);
  }

  /** The pipelines and agents that the service has, with the schemas of what they take. */
  pipelines(options: CallOptions = {}): Promise<readonly Pipeline[]> {
    return this.items('/pipelines', options);
  }

  /** The models that requests may name, the default one first. */
  models(options: CallOptions = {}): Promise<readonly Model[]> {
    return this.items('/models', options);
  }

  /** What was used, by day, model, pipeline or tenant.
   *  @throws AccessDenied the caller is no manager and no admin */
  usage(filter: UsageFilter = {}, options: CallOptions = {}): Promise<readonly UsageItem[]> {
    return this.items(withQuery('/usage', filter), options);
  }

  private async items<T>(path: string, { signal }: CallOptions): Promise<readonly T[]> {
    const { items } = await this.transport.json<{ items: T[] }>({ method: 'GET', path, signal });
    return items;
  }
}
