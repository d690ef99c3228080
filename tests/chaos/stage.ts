import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type FaultProxy,
  type ServiceName,
  type SpawnedService,
  spawnService,
  startFaultProxy,
} from '@millrace/testing';
import { Redis } from 'ioredis';
import { SystemHarness } from '../e2e/system-harness.ts';
import { TENANTS } from './job-plan.ts';

/** The tenant of whoever reads the ledger. */
export const OPERATOR = 'ops';

const ENV = {
  MILLRACE_GRAPHS: fileURLToPath(new URL('../stepper/langgraph.json', import.meta.url)),
  // a job with a silent model may lose its worker a dozen times here
  MILLRACE_MAX_ATTEMPTS: '1000',
  MILLRACE_AUTH: 'apikey',
  MILLRACE_API_KEYS: [
    ...TENANTS.map((tenant) => `${tenant}:user:${secretOf(tenant)}`),
    `${OPERATOR}:admin:${secretOf(OPERATOR)}`,
  ].join(','),
  MILLRACE_MODEL_RETRIES: '2',
  MILLRACE_RETRY_MIN_DELAY_MS: '50',
  MILLRACE_RETRY_MAX_DELAY_MS: '200',
  // longer than a worker is ever frozen: once awake, it must not take its own sleep for the model's silence
  MILLRACE_FIRST_TOKEN_TIMEOUT_MS: '25000',
  MILLRACE_TOKEN_GAP_TIMEOUT_MS: '25000',
  // shorter than a long answer, so that hand-overs occur
  MILLRACE_WORKER_GRACE_MS: '2000',
  MILLRACE_DRAIN_MS: '2000',
};

// longer than all grace periods of a service that is asked to end
const STOP_MS = 30_000;
const TOO_LONG = 'shutdown took too long';
const STARTS = 5;
const BETWEEN_STARTS_MS = 500;

/** The built system with faulty networks: between clients and system, and between services and Redis. */
export class Stage implements AsyncDisposable {
  /** one line for each service that ended unasked or improperly */
  readonly crashes: string[] = [];
  /** all services that ever ran */
  private readonly services: SpawnedService[] = [];
  private readonly asked = new WeakSet<SpawnedService>();

  private constructor(
    readonly system: SystemHarness,
    /** the network between the clients and nginx */
    readonly clients: FaultProxy,
    /** past every faulty network */
    readonly redis: Redis,
  ) {
    for (const service of [...system.apis, ...system.workers]) this.guard(service);
  }

  static async start(): Promise<Stage> {
    const system = await SystemHarness.start({ faulty: true, env: ENV });
    const clients = await startFaultProxy({ target: Number(new URL(system.url).port) });
    // waits while Redis is away
    const redis = new Redis(system.redis.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
    redis.on('error', () => {
      // Redis stops now and then: the connection reconnects by itself
    });
    return new Stage(system, clients, redis);
  }

  /** the URL for clients */
  get url(): string {
    return `http://127.0.0.1:${this.clients.port}`;
  }

  /** A service of a kind, chosen by any number. */
  service(name: ServiceName, number: number): SpawnedService {
    const services = this.servicesOf(name);
    const service = services[number % services.length];
    if (service === undefined) throw new RangeError(`there is no ${name}`);
    return service;
  }

  /** Ends a service, and starts another in its place.
   *  @param how asked to end (SIGTERM), or killed (SIGKILL)
   *  @param awayMs from its end, or a worker's SIGTERM, to the start of the new one, milliseconds
   *  @returns settles when the new one is ready and the old one has ended */
  async replace(name: ServiceName, number: number, how: 'SIGTERM' | 'SIGKILL', awayMs: number): Promise<void> {
    const old = this.service(name, number);
    this.asked.add(old);
    const ended = how === 'SIGKILL' ? old.kill() : this.stopped(name, old);
    if (how === 'SIGKILL' || name === 'api') await ended;
    await delay(awayMs);
    const services = this.servicesOf(name);
    // nginx identifies the nodes by port
    services[services.indexOf(old)] = await this.started(name, name === 'api' ? old.port : null);
    await ended;
  }

  /** What the services have logged about a job, each line with the process that wrote it. */
  logOf(id: string): string[] {
    return this.services.flatMap(({ pid, child }) =>
      child.lines.filter((line) => line.includes(id)).map((line) => `pid ${pid}  ${line}`),
    );
  }

  /** Ends all network faults. */
  heal(): void {
    this.clients.heal();
    for (const way of Object.values(this.system.network)) way.heal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of [...this.system.apis, ...this.system.workers]) this.asked.add(service);
    this.heal();
    this.redis.disconnect();
    await this.clients[Symbol.asyncDispose]();
    await this.system[Symbol.asyncDispose]();
  }

  private servicesOf(name: ServiceName): SpawnedService[] {
    return name === 'api' ? this.system.apis : this.system.workers;
  }

  private async stopped(name: ServiceName, service: SpawnedService): Promise<void> {
    const { code, signal } = await service.stop(STOP_MS);
    if (code === 0) return;
    // while Redis is away, a worker cannot hand its jobs over: others take them over
    if (name === 'worker' && service.child.lines.some((line) => line.includes(TOO_LONG))) return;
    const last = service.child.lines.slice(-5).join('\n');
    this.crashes.push(`pid ${service.pid} answered SIGTERM with ${signal ?? `exit code ${code}`}:\n${last}`);
  }

  /** Like a supervisor, restarts a service that cannot start because Redis is away. */
  private async started(name: ServiceName, port: number | null): Promise<SpawnedService> {
    const env = { ...this.system.envOf(name), ...(port === null ? {} : { PORT: String(port) }) };
    for (let start = 1; ; start += 1) {
      try {
        const service = await spawnService(name, env);
        this.guard(service);
        return service;
      } catch (error) {
        if (start === STARTS) throw error;
        await delay(BETWEEN_STARTS_MS);
      }
    }
  }

  private guard(service: SpawnedService): void {
    this.services.push(service);
    void service.child.exited.then(({ code, signal }) => {
      if (this.asked.has(service)) return;
      const last = service.child.lines.slice(-5).join('\n');
      this.crashes.push(`pid ${service.pid} ended by itself with ${signal ?? `exit code ${code}`}:\n${last}`);
    });
  }
}

/** The credentials of a tenant. */
export function headersOf(tenant: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${secretOf(tenant)}` };
}

function secretOf(tenant: string): string {
  return `the-secret-of-${tenant}`;
}
