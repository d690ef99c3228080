import { type PipelineInfo, qualifiedModel, samplingParametersOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { ModelObserver } from './definition/model-observer.ts';
import type { Pipeline, PipelineEvent, PipelineInput, PipelineResult } from './definition/pipeline.ts';
import type { ChatModels } from './models/chat-models.ts';

/** What an attempt passes to a running pipeline. */
interface RunContext {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly observer?: ModelObserver;
}

/** A pipeline bound to its worker's models. */
export interface RunnablePipeline {
  readonly kind?: Pipeline['kind'];
  // biome-ignore lint/suspicious/noConfusingVoidType: as pipelines return it
  run(input: PipelineInput, context: RunContext): AsyncGenerator<PipelineEvent, PipelineResult | void, void>;
}

/** Two pipelines of one worker have the same name. */
export class DuplicatePipeline extends Error {
  override readonly name = 'DuplicatePipeline';
  constructor(readonly pipeline: string) {
    super(`two pipelines are named "${pipeline}": rename one, or load its module only once`);
  }
}

/** The pipelines of one worker, by name. */
export class PipelineRegistry {
  readonly #pipelines = new Map<string, Pipeline>();

  /** @throws DuplicatePipeline */
  constructor(
    pipelines: readonly Pipeline[],
    readonly models: ChatModels,
  ) {
    for (const pipeline of pipelines) {
      if (this.#pipelines.has(pipeline.name)) throw new DuplicatePipeline(pipeline.name);
      this.#pipelines.set(pipeline.name, pipeline);
    }
  }

  /** What the API may know of them. */
  get infos(): PipelineInfo[] {
    return [...this.#pipelines.values()].map(({ name, kind, info }) => ({ name, kind: kind ?? 'pipeline', ...info }));
  }

  find(name: string): RunnablePipeline | undefined {
    const pipeline = this.#pipelines.get(name);
    if (pipeline === undefined) return undefined;
    return {
      ...(pipeline.kind === undefined ? {} : { kind: pipeline.kind }),
      run: (input, { signal, logger, observer }) =>
        pipeline.run(input, {
          signal,
          logger,
          ...(observer === undefined ? {} : { observer }),
          chatModel: ({ model = input.model, ...choice } = {}) =>
            this.models.create({
              model,
              observer: observer && observerOf(model, observer),
              ...samplingParametersOf({ ...input, ...samplingParametersOf(choice) }),
            }),
        }),
    };
  }
}

/** Reports the usage of calls of this model as its own. */
function observerOf(model: string, observer: ModelObserver): ModelObserver {
  const name = qualifiedModel(model, 'openai');
  return {
    onActivity: (activity) => observer.onActivity(activity),
    onUsage: (usage) => observer.onUsage(usage, name),
    onCall: () => observer.onCall?.(),
    trace: observer.trace,
  };
}
