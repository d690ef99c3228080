import { type Context, context, createContextKey, type Span, SpanKind, trace } from '@opentelemetry/api';
import { ATTRIBUTES, OPERATIONS, providerName } from './names.ts';
import { errorTypeOf, failSpan, tracer } from './spans.ts';

/** A message in the form of the conventions. @see https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ */
export interface TracedMessage {
  readonly role: string;
  readonly parts: readonly object[];
  readonly finish_reason?: string;
}

export interface ModelRequest {
  readonly provider: string;
  readonly model: string;
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  /** asked for only if content is traced */
  readonly input?: () => readonly TracedMessage[];
}

export interface ModelAnswer {
  readonly id?: string | undefined;
  readonly model?: string | undefined;
  readonly finishReasons?: readonly string[];
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  /** asked for only if content is traced */
  readonly output?: () => readonly TracedMessage[];
}

export interface ToolRequest {
  readonly name: string;
  readonly callId: string | undefined;
  /** asked for only if content is traced */
  readonly input?: () => string;
}

/** A call of a model, or of a tool, that is traced. To be ended once: what comes later has no effect. */
export interface TracedCall<Answer> {
  end(answer: Answer): void;
  /** @param error undefined: it was given up, which is no error */
  fail(error?: unknown): void;
}

/** Long texts of content are cut, characters, and of a long conversation the end is kept, messages. */
const MAX_TEXT = 16_384;
const MAX_MESSAGES = 32;

/** Names of models that spans may have: callers may choose them. */
const MAX_MODELS = 200;
const models = new Set<string>();

/** What the calls of one attempt have in common. It stays with everything that the attempt awaits. */
export class AttemptTrace {
  readonly #context: Context;
  /** in the order in which they began */
  readonly #open = new Set<OpenCall>();

  readonly traceId: string;

  /** @param span of the attempt */
  constructor(
    span: Span,
    readonly withContent: boolean,
  ) {
    this.traceId = span.spanContext().traceId;
    this.#context = trace.setSpan(context.active(), span);
  }

  /** @returns undefined: whoever calls is in no attempt, or in one that is not recorded */
  static current(): AttemptTrace | undefined {
    return context.active().getValue(ATTEMPT) as AttemptTrace | undefined;
  }

  run<T>(attempt: () => T): T {
    return context.with(this.#context.setValue(ATTEMPT, this), attempt);
  }

  /** @param within the call that makes this one, where that is known */
  model({ provider, model, ...request }: ModelRequest, within?: TracedCall<never>): TracedCall<ModelAnswer> {
    const call = this.#begin(`${OPERATIONS.chat}${suffixOf(model)}`, SpanKind.CLIENT, within);
    call.span.setAttributes({
      [ATTRIBUTES.operation]: OPERATIONS.chat,
      [ATTRIBUTES.provider]: providerName(provider),
      [ATTRIBUTES.requestModel]: model,
      ...defined({ [ATTRIBUTES.maxTokens]: request.maxTokens, [ATTRIBUTES.temperature]: request.temperature }),
      ...(this.withContent && request.input ? { [ATTRIBUTES.inputMessages]: messagesText(request.input()) } : {}),
    });
    return call.ending<ModelAnswer>(({ id, model: answered, finishReasons, inputTokens, outputTokens, output }) => ({
      ...defined({ [ATTRIBUTES.responseId]: id, [ATTRIBUTES.responseModel]: answered }),
      ...defined({ [ATTRIBUTES.inputTokens]: inputTokens, [ATTRIBUTES.outputTokens]: outputTokens }),
      ...(finishReasons === undefined ? {} : { [ATTRIBUTES.finishReasons]: [...finishReasons] }),
      ...(this.withContent && output ? { [ATTRIBUTES.outputMessages]: messagesText(output()) } : {}),
    }));
  }

  /** @param within as in {@link model} */
  tool({ name, callId, input }: ToolRequest, within?: TracedCall<never>): TracedCall<{ output?: () => string }> {
    const call = this.#begin(`${OPERATIONS.tool} ${name}`, SpanKind.INTERNAL, within);
    call.span.setAttributes({
      ...{ [ATTRIBUTES.operation]: OPERATIONS.tool, [ATTRIBUTES.toolName]: name, [ATTRIBUTES.toolType]: 'function' },
      ...defined({ [ATTRIBUTES.toolCallId]: callId }),
      ...(this.withContent && input ? { [ATTRIBUTES.toolArguments]: cut(input()) } : {}),
    });
    return call.ending(({ output }) => (this.withContent && output ? { [ATTRIBUTES.toolResult]: cut(output()) } : {}));
  }

  /** Where a request belongs that is about to be sent: to the first call of a model that has sent none yet; otherwise to what
   *  began last. An agent's callbacks cannot say which of its calls a request is from, but at most times there is one. */
  contextOfRequest(): Context {
    const calls = [...this.#open];
    const call = calls.find(({ hasSent, isModel }) => isModel && !hasSent) ?? calls.at(-1);
    if (call === undefined) return context.active();
    call.hasSent = true;
    return trace.setSpan(context.active(), call.span);
  }

  /** The attempt has ended: whatever still runs was given up. */
  end(): void {
    for (const call of this.#open) call.close();
  }

  #begin(name: string, kind: SpanKind, within: TracedCall<never> | undefined): OpenCall {
    const parent = within instanceof EndingCall ? trace.setSpan(this.#context, within.call.span) : this.#context;
    const span = tracer.startSpan(name, { kind }, parent);
    const call = new OpenCall(span, kind === SpanKind.CLIENT, () => this.#open.delete(call));
    this.#open.add(call);
    return call;
  }
}

const ATTEMPT = createContextKey('millrace attempt');

type Values = Readonly<Record<string, string | number | string[]>>;

class OpenCall {
  hasSent = false;

  constructor(
    readonly span: Span,
    readonly isModel: boolean,
    readonly remove: () => boolean,
  ) {}

  ending<Answer>(attributesOf: (answer: Answer) => Values): TracedCall<Answer> {
    return new EndingCall(this, attributesOf);
  }

  close(errorType: string | null = null): void {
    if (!this.remove()) return;
    if (errorType === null) this.span.end();
    else failSpan(this.span, errorType);
  }
}

class EndingCall<Answer> implements TracedCall<Answer> {
  constructor(
    readonly call: OpenCall,
    readonly attributesOf: (answer: Answer) => Values,
  ) {}

  end(answer: Answer): void {
    this.call.span.setAttributes(this.attributesOf(answer));
    this.call.close();
  }

  fail(error?: unknown): void {
    this.call.close(error === undefined ? null : errorTypeOf(error));
  }
}

/** Sends a request from where it belongs, so that its span hangs there. */
export function sendWithinCall<T>(send: () => T): T {
  const attempt = AttemptTrace.current();
  return attempt === undefined ? send() : context.with(attempt.contextOfRequest(), send);
}

function suffixOf(model: string): string {
  if (models.size < MAX_MODELS) models.add(model);
  return models.has(model) ? ` ${model}` : '';
}

function defined(values: Readonly<Record<string, string | number | undefined>>): Record<string, string | number> {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(given) as Record<string, string | number>;
}

function messagesText(messages: readonly TracedMessage[]): string {
  return JSON.stringify(messages.slice(-MAX_MESSAGES), (_, value: unknown) =>
    typeof value === 'string' ? cut(value) : value,
  );
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
