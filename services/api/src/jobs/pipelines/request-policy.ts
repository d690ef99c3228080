import {
  BUILT_IN_PIPELINE,
  type CreateJobBody,
  type JobRequest,
  modelParametersOf,
  type PipelineInfo,
  partsOfModel,
  qualifiedModel,
} from '@millrace/contracts';
import { hostOf, isPrivateUrl } from '@millrace/runtime';
import type { ThreadQuestions } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../auth/caller.ts';
import { shownErrors } from '../../http/field-errors.ts';
import {
  type FieldError,
  InvalidInput,
  InvalidRequest,
  ModelNotAllowed,
  UnknownPipeline,
  WebhookRefused,
} from '../../http/problem.ts';
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
  readonly #sendsWebhooks: boolean;
  readonly #allowedHosts: ReadonlySet<string>;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(Pipelines) private readonly pipelines: Pipelines,
    @Inject(InputCheck) private readonly inputCheck: InputCheck,
  ) {
    this.#defaultModel = settings.MILLRACE_MODEL;
    this.#maxTimeoutMs = settings.MILLRACE_MAX_TIMEOUT_MS;
    this.#sendsWebhooks = settings.MILLRACE_WEBHOOK_SECRET !== undefined;
    this.#allowedHosts = new Set(settings.MILLRACE_WEBHOOK_ALLOW);
    this.#allowedModels = new Set([
      this.#defaultModel,
      ...settings.MILLRACE_MODELS.map((name) => this.#qualified(name)),
    ]);
  }

  /** The models that the settings name, the default one first, each as `provider:name`. */
  get models(): readonly string[] {
    return [...this.#allowedModels].filter((model) => model !== anyOf(partsOfModel(model).provider));
  }

  /** @param questions what `resume` answers; null: nothing
   *  @throws UnknownPipeline, ModelNotAllowed
   *  @throws InvalidRequest a field is for agents, and the pipeline is none, or the other way round
   *  @throws InvalidInput the agent takes another input, or asked something else */
  async resolve(
    body: CreateJobBody,
    { tenant, role, subject }: Caller,
    questions: ThreadQuestions | null = null,
  ): Promise<JobRequest> {
    if (questions !== null) refuse(faultsOfAnswerer(body.pipeline, questions));
    const pipeline = await this.#pipelineOf(body.pipeline ?? questions?.pipeline ?? BUILT_IN_PIPELINE);
    if (pipeline.kind === 'agent') this.#checkForAgent(body, pipeline);
    else refuseAgentFields(body, pipeline);
    const model = body.model === undefined ? this.#defaultModel : this.#qualified(body.model);
    if (!this.#allows(model)) throw new ModelNotAllowed([...this.#allowedModels]);
    if (questions !== null) refuse(faultsOfAnswer(body.resume, questions));
    return {
      messages: body.messages ?? (body.query === undefined ? [] : [{ role: 'user', content: body.query }]),
      ...definedOf(body, AGENT_FIELDS),
      ...(body.threadId === undefined ? {} : definedOf(body, ['threadId', 'onBusy'])),
      // a delay of 0 is none
      ...(body.delayMs ? { delayMs: body.delayMs } : {}),
      ...(body.webhook === undefined ? {} : { webhook: this.#checkedWebhook(body.webhook) }),
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
    const pipeline = await this.pipelines.find(name);
    if (pipeline === null) throw new UnknownPipeline([...(await this.pipelines.known()).keys()]);
    return pipeline;
  }

  #checkForAgent(body: CreateJobBody, agent: PipelineInfo): void {
    refuseModelFields(body, agent);
    const { query, messages, input, config } = body;
    const faults = () => {
      if (input !== undefined) return this.inputCheck.ofInput(agent, input);
      if (query !== undefined) return this.inputCheck.ofMessages(agent, 'query');
      return messages === undefined ? [] : this.inputCheck.ofMessages(agent, 'messages');
    };
    refuse([...faults(), ...this.inputCheck.ofConfig(agent, config)]);
  }

  /** @throws WebhookRefused */
  #checkedWebhook(text: string): string {
    const url = new URL(text);
    if (!this.#sendsWebhooks) throw new WebhookRefused('needs MILLRACE_WEBHOOK_SECRET: this service sends no webhooks');
    if (isPrivateUrl(url) && !this.#allowedHosts.has(hostOf(url))) {
      throw new WebhookRefused('must not lead into a private network, unless MILLRACE_WEBHOOK_ALLOW lists the host');
    }
    return url.href;
  }

  #allows(model: string): boolean {
    return this.#allowedModels.has(model) || this.#allowedModels.has(anyOf(partsOfModel(model).provider));
  }

  /** Adds the default model's provider to a bare name. */
  #qualified(model: string): string {
    return qualifiedModel(model, partsOfModel(this.#defaultModel).provider);
  }
}

/** In the settings: any model of a provider. */
function anyOf(provider: string): string {
  return `${provider}:*`;
}

/** @throws InvalidInput if there is a fault */
function refuse(faults: readonly FieldError[]): void {
  const { detail, errors } = shownErrors(faults);
  if (errors.length > 0) throw new InvalidInput(detail, errors);
}

function refuseAgentFields(body: CreateJobBody, { name }: PipelineInfo): void {
  const given = AGENT_FIELDS.filter((field) => body[field] !== undefined);
  refuseFields(given, `The pipeline ${name} is no agent.`, 'is only for agents: leave it out, or name an agent');
}

/** An agent chooses its models and tools itself: what it did not get it must not seem to have followed. */
function refuseModelFields(body: CreateJobBody, { name }: PipelineInfo): void {
  const given = [...(body.model === undefined ? [] : ['model']), ...Object.keys(modelParametersOf(body))];
  const advice = 'is not for agents, which choose their models and tools: leave it out, or use "config"';
  refuseFields(given, `The pipeline ${name} is an agent.`, advice);
}

/** @throws InvalidRequest if there is a field */
function refuseFields(fields: readonly string[], detail: string, advice: string): void {
  if (fields.length === 0) return;
  throw new InvalidRequest(
    detail,
    fields.map((field) => ({ pointer: `/${field}`, detail: advice })),
  );
}

function definedOf<T extends object, K extends keyof T>(
  source: T,
  names: readonly K[],
): { [P in K]?: Exclude<T[P], undefined> } {
  const defined = names.filter((name) => source[name] !== undefined).map((name) => [name, source[name]]);
  return Object.fromEntries(defined) as { [P in K]?: Exclude<T[P], undefined> };
}
