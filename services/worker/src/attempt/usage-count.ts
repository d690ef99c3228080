import {
  type AttemptUsage,
  BYTES_PER_TOKEN,
  estimatedTokens,
  type ModelUsage,
  saidBytes,
  type Usage,
} from '@millrace/contracts';

/** Models that one attempt is told apart by: an agent may call any number of them. */
const MAX_MODELS = 16;

/** The model of the calls beyond {@link MAX_MODELS}. */
const OTHER = 'other';

/** Counts what an attempt uses: by the providers' numbers where they give them, otherwise by an estimate. */
export class UsageCount {
  readonly #reported = new Map<string, Usage>();
  /** of the present run of the pipeline, which begins afresh with each retry */
  #run: Usage = NO_USAGE;
  /** what models have said since a provider last reported anything, bytes */
  #unreportedBytes = 0;
  /** a model has been called, and no provider has reported the prompt */
  #isPromptOpen = false;
  #isComplete = false;
  #reportedTokens = 0;
  #reportedOutput = 0;

  /** @param model the job's own
   *  @param promptTokens estimate of what the job sends to it */
  constructor(
    readonly model: string,
    readonly promptTokens: number,
  ) {}

  /** what providers reported, of all runs */
  get reported(): Usage {
    return [...this.#reported.values()].reduce(sum, NO_USAGE);
  }

  /** About how much it is by now. Cheap: asked for with every token. */
  get tokens(): number {
    return this.#reportedTokens + this.#unreportedBytes / BYTES_PER_TOKEN;
  }

  /** About how much models have said by now. */
  get outputTokens(): number {
    return this.#reportedOutput + this.#unreportedBytes / BYTES_PER_TOKEN;
  }

  /** A model is about to be called. */
  calls(): void {
    this.#isPromptOpen = true;
  }

  /** @param usage the increase since the last report */
  report(usage: Usage, model = this.model): void {
    const name = this.#reported.has(model) || this.#reported.size < MAX_MODELS ? model : OTHER;
    this.#reported.set(name, sum(this.#reported.get(name) ?? NO_USAGE, usage));
    this.#run = sum(this.#run, usage);
    this.#reportedTokens += usage.inputTokens + usage.outputTokens;
    this.#reportedOutput += usage.outputTokens;
    this.#unreportedBytes = 0;
    if (usage.inputTokens > 0) this.#isPromptOpen = false;
  }

  /** The pipeline has yielded an event. */
  said(type: string, data: object): void {
    this.#unreportedBytes += saidBytes(type, data);
  }

  /** A model has failed. If it has said nothing, it has refused the call: nobody is charged for it. */
  refused(): void {
    if (this.#unreportedBytes === 0) this.#isPromptOpen = false;
  }

  /** The pipeline is run again. */
  restarts(): void {
    this.#run = NO_USAGE;
    this.#unreportedBytes = 0;
    this.#isPromptOpen = false;
  }

  /** The pipeline has ended by itself.
   *  @param result what it says of this run: it may have called models that nobody has seen */
  completed(result: Usage | undefined): void {
    this.#isComplete = true;
    if (result === undefined || result.inputTokens + result.outputTokens === 0) return;
    const unseen = difference(result, this.#run);
    if (unseen.inputTokens !== 0 || unseen.outputTokens !== 0) {
      const { inputTokens, outputTokens } = sum(this.#reported.get(this.model) ?? NO_USAGE, unseen);
      const own = { inputTokens: Math.max(0, inputTokens), outputTokens: Math.max(0, outputTokens) };
      this.#reported.set(this.model, own);
    }
    this.#unreportedBytes = 0;
    this.#isPromptOpen = false;
  }

  /** What the attempt has used by now; null: nothing, as far as anybody knows. */
  get usage(): AttemptUsage | null {
    const estimate = this.#estimate();
    const estimated = estimate.inputTokens + estimate.outputTokens;
    const { inputTokens, outputTokens } = sum(this.reported, estimate);
    if (inputTokens + outputTokens === 0) return null;
    const isOwn = [...this.#reported.keys()].every((model) => model === this.model);
    return {
      ...{ inputTokens, outputTokens },
      ...(estimated === 0 ? {} : { estimatedTokens: estimated }),
      ...(isOwn ? {} : { models: this.#byModel(estimate) }),
    };
  }

  #byModel(estimate: Usage): ModelUsage[] {
    const estimated = estimate.inputTokens + estimate.outputTokens;
    const reported = [...this.#reported].map(([model, usage]) => ({ model, ...usage, estimatedTokens: 0 }));
    return estimated === 0 ? reported : [...reported, { model: this.model, ...estimate, estimatedTokens: estimated }];
  }

  /** A completed answer is estimated only if no provider has said anything: some report no more than the input, or the output. */
  #estimate(): Usage {
    if (this.#isComplete && this.#reported.size > 0) return NO_USAGE;
    if (!this.#isPromptOpen && (this.#unreportedBytes === 0 || this.#reported.size === 0)) return NO_USAGE;
    return {
      inputTokens: this.#isPromptOpen ? this.promptTokens : 0,
      outputTokens: estimatedTokens(this.#unreportedBytes),
    };
  }
}

const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0 };

/** @returns the sum of two usages */
export function sum(a: Usage, b: Usage): Usage {
  return { inputTokens: a.inputTokens + b.inputTokens, outputTokens: a.outputTokens + b.outputTokens };
}

function difference(a: Usage, b: Usage): Usage {
  return { inputTokens: a.inputTokens - b.inputTokens, outputTokens: a.outputTokens - b.outputTokens };
}
