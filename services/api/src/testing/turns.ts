import type { AttemptWriter } from '@millrace/stream-log';
import { ThreadExit } from '../jobs/steps/thread-exit.ts';
import { type ApiHarness, finish, post, refOf, say, submit, type TestNode } from './api-harness.ts';

/** The jobs of one thread, in tests that play the worker. */
export class Turns {
  constructor(
    readonly harness: ApiHarness,
    readonly node: TestNode,
    readonly threadId = `thread-${crypto.randomUUID()}`,
  ) {}

  /** Creates a job of the thread. @returns its id */
  submit(body: object = {}, headers: Record<string, string> = {}): Promise<string> {
    return submit(this.node, headers, { query: 'hi', threadId: this.threadId, ...body });
  }

  /** @returns status and problem code of a job that is refused */
  async refused(body: object = {}, headers: Record<string, string> = {}): Promise<[status: number, code: string]> {
    const whole = { query: 'hi', threadId: this.threadId, ...body };
    const answer = await post(this.node, whole, { accept: 'application/json', ...headers });
    return [answer.status, ((await answer.json()) as { code: string }).code];
  }

  /** Whether the job has an entry in the queue. */
  async isQueued(id: string): Promise<boolean> {
    return (await this.harness.redis.exists(`${this.harness.keys.queuePrefix}:jobs:${refOf(id)}`)) === 1;
  }

  /** Takes the job from the queue, as a worker does, and lets it say something. */
  async begin(id: string, deltas: readonly string[] = []): Promise<AttemptWriter> {
    if (!(await this.isQueued(id))) throw new Error('the job is not in the queue');
    await this.unqueue(id);
    const writer = await this.harness.begin(id);
    await say(writer, deltas);
    return writer;
  }

  /** Ends the job, and tells the thread. */
  async end(id: string, writer: AttemptWriter): Promise<void> {
    await finish(writer);
    await this.leave(id);
  }

  /** Tells the thread that the job has ended. */
  async leave(id: string): Promise<void> {
    await this.node.api.nest.get(ThreadExit).leaveIfEnded(refOf(id), this.threadId);
  }

  /** Takes the job's entry out of the queue. */
  async unqueue(id: string): Promise<void> {
    const { redis, keys } = this.harness;
    await redis.del(`${keys.queuePrefix}:jobs:${refOf(id)}`);
    await redis.zrem(`${keys.queuePrefix}:jobs:prioritized`, refOf(id));
    await redis.lrem(`${keys.queuePrefix}:jobs:wait`, 0, refOf(id));
  }

  /** Gets `/threads/:id`, or what is below it. */
  async get<T>(path = ''): Promise<T> {
    return (await (await fetch(`${this.node.url}/threads/${this.threadId}${path}`)).json()) as T;
  }
}
