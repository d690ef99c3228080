import { InMemoryStore, MemorySaver } from '@langchain/langgraph-checkpoint';
import type { Usage } from '@millrace/contracts';
import { createLogger } from '@millrace/runtime';
import type { ModelActivity } from '../../definition/model-observer.ts';
import type { PipelineEvent, PipelineInput, PipelineResult } from '../../definition/pipeline.ts';
import { SaidAgain } from '../../definition/said-again.ts';
import { agentPipeline } from '../agent-pipeline.ts';
import { graphIn } from '../project/graph.ts';

/** Runs the jobs of one thread of an agent, one after the other, as an attempt does. */
export class AgentRuns {
  readonly usage: Usage[] = [];
  /** of each usage */
  readonly models: (string | undefined)[] = [];
  readonly activity: ModelActivity[] = [];
  readonly saver = new MemorySaver();
  readonly #abort = new AbortController();
  readonly #drain = new AbortController();
  #jobs = 0;

  /** @param exported what the agent's module exports */
  constructor(readonly exported: unknown) {}

  cancel(reason: Error): void {
    this.#abort.abort(reason);
  }

  drain(reason: Error): void {
    this.#drain.abort(reason);
  }

  /** @param goesOn whether it is a further attempt, of a job that another run has begun
   *  @throws what the agent's pipeline throws */
  async *events(request: Partial<PipelineInput>, goesOn = false): AsyncGenerator<PipelineEvent, PipelineResult, void> {
    const isFactory = typeof this.exported === 'function';
    const agent = {
      ...{ id: 'agent', info: {}, serializerFor: async () => null },
      graph: isFactory ? null : await graphIn(this.exported),
      make: isFactory ? (this.exported as (config: object) => unknown) : null,
    };
    const savers = { forAttempt: () => this.saver, storeOf: () => new InMemoryStore() };
    this.#jobs += 1;
    const jobId = `job-${this.#jobs}`;
    const lease = { ref: 'acme.t1', jobId, attempt: 1, leaseToken: 'token' } as const;
    const thread = {
      ...{ lease, goesOn, draining: this.#drain.signal },
      messages: async () => [],
      flushed: async () => 0,
      overtaken: () => undefined,
      saidAgain: new SaidAgain(),
    };
    const input = { jobId, attempt: 1, messages: [], model: 'openai:none', thread, ...request };
    return yield* agentPipeline(agent, savers).run(input, {
      signal: this.#abort.signal,
      logger: createLogger({ service: 'test', level: 'silent' }),
      chatModel: () => Promise.reject(new Error('an agent has models of its own')),
      observer: {
        onUsage: (usage, model) => {
          this.usage.push(usage);
          this.models.push(model);
        },
        onActivity: (activity) => this.activity.push(activity),
      },
    }) as AsyncGenerator<PipelineEvent, PipelineResult, void>;
  }

  /** Runs a job to its end; see {@link events}. */
  async run(
    request: Partial<PipelineInput>,
    goesOn = false,
  ): Promise<{ events: PipelineEvent[]; result: PipelineResult }> {
    const events: PipelineEvent[] = [];
    const running = this.events(request, goesOn);
    for (;;) {
      const next = await running.next();
      if (next.done) return { events, result: next.value };
      events.push(next.value);
    }
  }

  /** Runs a job with one message of a user. */
  ask(question: string, request: Partial<PipelineInput> = {}) {
    return this.run({ messages: [{ role: 'user', content: question }], ...request });
  }
}

/** Events in short: `text Hello`, `message_start agent`; pieces of texts and of arguments are joined. */
export function inShort(events: readonly PipelineEvent[]): string[] {
  const lines: string[] = [];
  let last: PipelineEvent | undefined;
  for (const event of events) {
    const line = shortOf(event);
    const goesOn = last?.type === event.type && (event.type === 'text' || event.type === 'tool_call_delta');
    if (goesOn) lines[lines.length - 1] += line.slice(line.indexOf(' ') + 1);
    else lines.push(line);
    last = event;
  }
  return lines;
}

function shortOf({ type, data }: PipelineEvent): string {
  switch (type) {
    case 'message_start':
      return `${type} ${[...(data.namespace ?? []), data.node].join('/')}`;
    case 'message_end':
      return `${type} ${data.finishReason}`;
    case 'text':
    case 'reasoning':
      return `${type} ${data.text}`;
    case 'tool_call_start':
      return `${type} ${data.name}`;
    case 'tool_call_delta':
      return `${type} ${data.arguments}`;
    case 'tool_call':
      return `${type} ${data.name} ${data.arguments}`;
    case 'tool_result':
      return `${type} ${data.name} ${data.isError ? 'failed: ' : ''}${data.content}`;
    case 'custom':
      return `${type} ${data.name ?? '-'} ${JSON.stringify(data.data)}`;
    case 'interrupt':
      return `${type} ${data.node} ${JSON.stringify(data.value)}`;
    case 'state':
      return `${type} ${data.mode}`;
  }
}
