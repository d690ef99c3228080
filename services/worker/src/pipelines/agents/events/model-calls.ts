import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FinishReason, Usage } from '@millrace/contracts';
import { countOf, finishReasonOf } from '../../chat/message-content.ts';
import type { ModelObserver } from '../../definition/model-observer.ts';
import type { SaidAgain } from '../../definition/said-again.ts';
import { type AnyMessage, isMessage, messagesIn } from './any-message.ts';
import type { KnownMessages } from './known-messages.ts';
import type { Place } from './place.ts';
import type { OpenMessage, Speech } from './speech.ts';
import type { ToolCalls } from './tool-calls.ts';

interface Ports {
  readonly speech: Speech;
  readonly toolCalls: ToolCalls;
  readonly known: KnownMessages;
  readonly observer: ModelObserver | undefined;
  readonly placeOf: (metadata: Metadata | undefined) => Place;
  readonly custom: (data: unknown, name?: string) => void;
  /** of the run: an aborted call is no failure */
  readonly signal: AbortSignal;
}

interface ModelCall {
  readonly place: Place;
  /** LangGraph's tag `nostream`: what the model says is for the graph alone */
  readonly isSilent: boolean;
  /** `provider:name`; undefined: LangChain does not say */
  readonly model: string | undefined;
  /** that its message will have in the state; undefined: not known yet */
  messageId: string | undefined;
  message: OpenMessage | null;
}

interface ToolRun {
  readonly callId: string | undefined;
  readonly name: string | undefined;
}

type Metadata = Readonly<Record<string, unknown>>;
type Chunk = { readonly message?: unknown } | undefined;
type Output = {
  readonly generations?: readonly (readonly { readonly message?: unknown; readonly generationInfo?: Metadata }[])[];
  readonly llmOutput?: {
    readonly tokenUsage?: { readonly promptTokens?: unknown; readonly completionTokens?: unknown };
  };
};

/** Follows the model calls and tools of a run through LangChain's callbacks, which every version has and which come at the moment
 *  of what they report. They are plain functions, so that it does not matter whose copy of LangChain calls them. */
export class ModelCalls {
  readonly #calls = new Map<string, ModelCall>();
  readonly #tools = new Map<string, ToolRun>();
  readonly #failures = new WeakSet<object>();
  #failedTools: ToolRun[] = [];
  #usage: Usage = { inputTokens: 0, outputTokens: 0 };
  #finishReason: FinishReason = 'stop';

  constructor(readonly ports: Ports) {}

  /** of all calls, also of those that are not streamed or not said */
  get usage(): Usage {
    return this.#usage;
  }

  /** of the message that ended last */
  get finishReason(): FinishReason {
    return this.#finishReason;
  }

  /** An earlier attempt has run a part of the graph. */
  goOn({ finishReason }: SaidAgain): void {
    this.#finishReason = finishReason ?? this.#finishReason;
  }

  /** Whether an error comes from a model call. */
  failedWith(error: unknown): boolean {
    for (let cause = error, depth = 0; typeof cause === 'object' && cause !== null && depth < 5; depth += 1) {
      if (this.#failures.has(cause)) return true;
      cause = 'cause' in cause ? cause.cause : undefined;
    }
    return false;
  }

  /** The graph has thrown: nothing answers for the tools that failed. */
  end(): void {
    for (const tool of this.#failedTools) this.ports.toolCalls.fail(tool);
    for (const call of this.#calls.values()) call.message?.breakOff();
  }

  /** LangChain's callbacks. */
  get handler(): object {
    return {
      name: 'millrace',
      // in order, and before the graph goes on
      awaitHandlers: true,
      // `invoke` then streams too, as in LangGraph's own stream of messages
      lc_prefer_streaming: true,
      handleChatModelStart: (...[, , runId, , , tags, metadata]: ChatModelStart) =>
        this.#modelStarts(runId, tags, metadata),
      handleLLMNewToken: (...[token, place, runId, , , fields]: NewToken) => {
        if ((place?.completion ?? 0) === 0) this.#token(runId, token, fields?.chunk);
      },
      handleLLMEnd: (output: Output, runId: string) => this.#modelEnds(runId, output),
      handleLLMError: (error: unknown, runId: string) => this.#modelFails(runId, error),
      handleToolStart: (...[tool, , runId, , , , name, callId]: ToolStart) => {
        this.#tools.set(runId, { callId, name: name ?? tool?.name });
        return nextTurn();
      },
      handleToolEnd: async (output: unknown, runId: string) => {
        this.#tools.delete(runId);
        // what the tool wrote comes first
        await nextTurn();
        for (const message of messagesIn(output)) this.ports.toolCalls.answer(message);
      },
      handleToolError: (error: unknown, runId: string) => this.#toolFails(runId, error),
      handleCustomEvent: (name: string, data: unknown) => this.ports.custom(data, name),
    };
  }

  /** Waits for a turn, so that what the graph has shown of the step before is said first. */
  async #modelStarts(
    runId: string,
    tags: readonly string[] | undefined,
    metadata: Metadata | undefined,
  ): Promise<void> {
    const isSilent = tags?.some((tag) => tag === 'nostream' || tag === 'langsmith:nostream') ?? false;
    const call = { place: this.ports.placeOf(metadata), isSilent, model: modelIn(metadata) };
    this.#calls.set(runId, { ...call, messageId: undefined, message: null });
    this.ports.observer?.onActivity('called');
    await nextTurn();
  }

  #token(runId: string, token: string, chunk: Chunk): void {
    const call = this.#calls.get(runId);
    if (call === undefined) return;
    if (call.isSilent) {
      this.ports.observer?.onActivity('content');
      return;
    }
    const delta: Partial<AnyMessage> = isMessage(chunk?.message) ? chunk.message : { content: token };
    // the first chunk may have nothing but it
    call.messageId ??= delta.id;
    if (call.message === null) {
      // the role alone says nothing yet
      if (!saysAnything(delta)) return;
      this.ports.observer?.onActivity('content');
      call.message = this.#begin(call, call.messageId ?? `run-${runId}`);
    }
    call.message.add(delta);
  }

  #modelEnds(runId: string, output: Output): void {
    const call = this.#calls.get(runId);
    this.#calls.delete(runId);
    const generation = output.generations?.[0]?.[0];
    const whole = isMessage(generation?.message) ? generation.message : undefined;
    const usage = usageOf(whole, output);
    if (usage !== undefined) {
      this.#usage = {
        inputTokens: this.#usage.inputTokens + usage.inputTokens,
        outputTokens: this.#usage.outputTokens + usage.outputTokens,
      };
      this.ports.observer?.onUsage(usage, call?.model);
    }
    if (call !== undefined && !call.isSilent) {
      const message = call.message ?? this.#begin(call, whole?.id ?? `run-${runId}`);
      if (whole !== undefined) this.ports.known.said(whole, call.place);
      this.#finishReason = reasonOf(whole, generation?.generationInfo);
      message.complete(whole, this.#finishReason, usage);
    }
    if (this.#calls.size === 0) this.ports.observer?.onActivity('idle');
  }

  #modelFails(runId: string, error: unknown): void {
    if (typeof error === 'object' && error !== null) this.#failures.add(error);
    if (!this.ports.signal.aborted) this.#calls.get(runId)?.message?.breakOff();
    this.#calls.delete(runId);
    if (this.#calls.size === 0) this.ports.observer?.onActivity('idle');
  }

  #begin({ place }: ModelCall, id: string): OpenMessage {
    // a scripted model may use an id again
    const messageId = this.ports.known.isSaid(id) ? `${id}-${randomUUID()}` : id;
    this.ports.known.saidId(id);
    return this.ports.speech.begin(messageId, place);
  }

  #toolFails(runId: string, error: unknown): void {
    const run = this.#tools.get(runId);
    this.#tools.delete(runId);
    const name = typeof error === 'object' && error !== null && 'name' in error ? `${error.name}` : '';
    if (run !== undefined && !NO_FAILURES.has(name)) this.#failedTools = [...this.#failedTools, run];
  }
}

/** What LangGraph throws to direct itself. */
const NO_FAILURES = new Set(['GraphInterrupt', 'NodeInterrupt', 'GraphBubbleUp', 'ParentCommand', 'GraphDrained']);

type ChatModelStart = [
  model: unknown,
  messages: unknown,
  runId: string,
  parentRunId?: string,
  parameters?: unknown,
  tags?: string[],
  metadata?: Metadata,
];
type NewToken = [
  token: string,
  place: { readonly completion?: number } | undefined,
  runId: string,
  parentRunId?: string,
  tags?: string[],
  fields?: { readonly chunk?: Chunk },
];
type ToolStart = [
  tool: { readonly name?: string } | undefined,
  input: string,
  runId: string,
  parentRunId?: string,
  tags?: string[],
  metadata?: Metadata,
  name?: string,
  callId?: string,
];

function saysAnything({ content, additional_kwargs: extra, tool_call_chunks: calls }: Partial<AnyMessage>): boolean {
  return (content ?? '').length > 0 || (calls ?? []).length > 0 || extra?.['reasoning_content'] !== undefined;
}

function usageOf(whole: AnyMessage | undefined, { llmOutput }: Output): Usage | undefined {
  const { input_tokens: input, output_tokens: output } = (whole?.usage_metadata ?? {}) as Readonly<
    Record<string, unknown>
  >;
  const { promptTokens, completionTokens } = llmOutput?.tokenUsage ?? {};
  const usage = { inputTokens: countOf(input ?? promptTokens), outputTokens: countOf(output ?? completionTokens) };
  return usage.inputTokens + usage.outputTokens === 0 ? undefined : usage;
}

function reasonOf(whole: AnyMessage | undefined, info: Metadata | undefined): FinishReason {
  const { response_metadata = {}, additional_kwargs = {} } = whole ?? {};
  const reason =
    finishReasonOf({ response_metadata, additional_kwargs }) ??
    finishReasonOf({ response_metadata: info ?? {}, additional_kwargs: {} }) ??
    'stop';
  return reason === 'stop' && (whole?.tool_calls?.length ?? 0) > 0 ? 'tool_calls' : reason;
}

/** A request's `config` may choose the name. */
const MAX_NAME = 160;

/** The model of a call, as LangChain's tracing names it. */
function modelIn(metadata: Metadata | undefined): string | undefined {
  const { ls_provider: provider, ls_model_name: name } = metadata ?? {};
  return typeof provider === 'string' && typeof name === 'string' && name !== ''
    ? `${provider}:${name}`.slice(0, MAX_NAME)
    : undefined;
}
