import {
  BUILT_IN_PIPELINE,
  type CreateJobBody,
  type JobRequest,
  modelParametersOf,
  type PipelineInfo,
  partsOfModel,
  qualifiedModel,
} from '@millrace/contracts';
import type { ThreadQuestions } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../auth/caller.ts';
import { shownErrors } from '../../http/field-errors.ts';
import { type FieldError, InvalidInput, InvalidRequest, ModelNotAllowed, UnknownPipeline } from '../../http/problem.ts';
import type { ApiSettings } from '../../settings.ts';
import { SETTINGS } from '../../tokens.ts';
import { faultsOfAnswer, faultsOfAnswerer } from './answer-check.ts';
import { InputCheck } from './input-check.ts';
import { Pipelines } from './pipelines.ts';

/** Fields that mean nothing to a pipeline that is no agent. */
const AGENT_FIELDS = ['input', 'resume', 'config', 'streamModes'] as const;

/** Turns a valid body into the request that a worker gets, within what this deployment allows. */
@Injectable()
export class RequestPolicy {
  readonly #defaultModel: string;
  readonly #allowedModels: ReadonlySet<string>;
  readonly #maxTimeoutMs: number;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(Pipelines) private readonly pipelines: Pipelines,
    @Inject(InputCheck) private readonly inputCheck: InputCheck,
  ) {
    this.#defaultModel = settings.MILLRACE_MODEL;
    this.#maxTimeoutMs = settings.MILLRACE_MAX_TIMEOUT_MS;
    this.#allowedModels = new Set([
      this.#defaultModel,
      ...settings.MILLRACE_MODELS.map((name) => this.#qualified(name)),
    ]);
  }

  /** @param questions what `resume` answers; null: nothing
   *  @throws UnknownPipeline, ModelNotAllowed
   *  @throws InvalidRequest a field is for agents, and the pipeline is none
   *  @throws InvalidInput the agent takes another input, or asked something else */
  async resolve(
    body: CreateJobBody,
    { tenant, role, subject }: Caller,
    questions: ThreadQuestions | null = null,
  ): Promise<JobRequest> {
    if (questions !== null) refuse(faultsOfAnswerer(body.pipeline, questions));
    const model = body.model === undefined ? this.#defaultModel : this.#qualified(body.model);
    if (!this.#allowedModels.has(model)) throw new ModelNotAllowed([...this.#allowedModels]);
    const pipeline = await this.#pipelineOf(body.pipeline ?? questions?.pipeline ?? BUILT_IN_PIPELINE);
    if (pipeline.kind === 'agent') this.#checkInput(body, pipeline);
    else refuseAgentFields(body, pipeline);
    if (questions !== null) refuse(faultsOfAnswer(body.resume, questions));
    return {
      messages: body.messages ?? (body.query === undefined ? [] : [{ role: 'user', content: body.query }]),
      ...definedOf(body, AGENT_FIELDS),
      ...(body.threadId === undefined ? {} : definedOf(body, ['threadId', 'onBusy'])),
      // a delay of 0 is none
      ...(body.delayMs ? { delayMs: body.delayMs } : {}),
      pipeline: pipeline.name,
      model,
      ...modelParametersOf(body),
      onDisconnect: body.onDisconnect,
      onCrash: body.onCrash,
      timeoutMs: Math.min(body.timeoutMs ?? this.#maxTimeoutMs, this.#maxTimeoutMs),
      caller: { tenant, role, subject },
    };
  }

  async #pipelineOf(name: string): Promise<PipelineInfo> {
    // every worker has it, and it needs no look at the announcements
    if (name === BUILT_IN_PIPELINE) return { name, kind: 'pipeline' };
    const known = await this.pipelines.known();
    const pipeline = known.get(name);
    if (pipeline === undefined) throw new UnknownPipeline([...known.keys()]);
    return pipeline;
  }

  #checkInput({ query, messages, input }: CreateJobBody, agent: PipelineInfo): void {
    const faults = () => {
      if (input !== undefined) return this.inputCheck.ofInput(agent, input);
      if (query !== undefined) return this.inputCheck.ofMessages(agent, 'query');
      return messages === undefined ? [] : this.inputCheck.ofMessages(agent, 'messages');
    };
    refuse(faults());
  }

  /** Adds the default model's provider to a bare name. */
  #qualified(model: string): string {
    return qualifiedModel(model, partsOfModel(this.#defaultModel).provider);
  }
}

/** @throws InvalidInput if there is a fault */
function refuse(faults: readonly FieldError[]): void {
  const { detail, errors } = shownErrors(faults);
  if (errors.length > 0) throw new InvalidInput(detail, errors);
}

function refuseAgentFields(body: CreateJobBody, { name }: PipelineInfo): void {
  const given = AGENT_FIELDS.filter((field) => body[field] !== undefined);
  if (given.length === 0) return;
  throw new InvalidRequest(
    `The pipeline ${name} is no agent.`,
    given.map((field) => ({ pointer: `/${field}`, detail: 'is only for agents: leave it out, or name an agent' })),
  );
}

function definedOf<T extends object, K extends keyof T>(
  source: T,
  names: readonly K[],
): { [P in K]?: Exclude<T[P], undefined> } {
  const defined = names.filter((name) => source[name] !== undefined).map((name) => [name, source[name]]);
  return Object.fromEntries(defined) as { [P in K]?: Exclude<T[P], undefined> };
}
