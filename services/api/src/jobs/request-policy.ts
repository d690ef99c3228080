import {
  BUILT_IN_PIPELINE,
  type CreateJobBody,
  type JobRequest,
  modelParametersOf,
  partsOfModel,
  qualifiedModel,
} from '@millrace/contracts';
import { Inject, Injectable } from '@nestjs/common';
import { ModelNotAllowed, UnknownPipeline } from '../http/problem.ts';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';
import { Pipelines } from './pipelines.ts';

/** Turns a valid body into the request that a worker gets, within what this deployment allows. */
@Injectable()
export class RequestPolicy {
  readonly #defaultModel: string;
  readonly #allowedModels: ReadonlySet<string>;
  readonly #maxTimeoutMs: number;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(Pipelines) private readonly pipelines: Pipelines,
  ) {
    this.#defaultModel = settings.MILLRACE_MODEL;
    this.#maxTimeoutMs = settings.MILLRACE_MAX_TIMEOUT_MS;
    this.#allowedModels = new Set([
      this.#defaultModel,
      ...settings.MILLRACE_MODELS.map((name) => this.#qualified(name)),
    ]);
  }

  /** @throws UnknownPipeline, ModelNotAllowed */
  async resolve(body: CreateJobBody): Promise<JobRequest> {
    const model = body.model === undefined ? this.#defaultModel : this.#qualified(body.model);
    if (!this.#allowedModels.has(model)) throw new ModelNotAllowed([...this.#allowedModels]);
    if (body.pipeline !== BUILT_IN_PIPELINE) await this.#requirePipeline(body.pipeline);
    return {
      messages: body.messages ?? [{ role: 'user', content: body.query ?? '' }],
      pipeline: body.pipeline,
      model,
      ...modelParametersOf(body),
      onDisconnect: body.onDisconnect,
      onCrash: body.onCrash,
      timeoutMs: Math.min(body.timeoutMs ?? this.#maxTimeoutMs, this.#maxTimeoutMs),
    };
  }

  async #requirePipeline(name: string): Promise<void> {
    const known = await this.pipelines.known();
    if (!known.has(name)) throw new UnknownPipeline([...known]);
  }

  /** Adds the default model's provider to a bare name. */
  #qualified(model: string): string {
    return qualifiedModel(model, partsOfModel(this.#defaultModel).provider);
  }
}
