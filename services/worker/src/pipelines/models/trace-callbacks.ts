import type { AttemptTrace, ModelAnswer, TracedCall, TracedMessage } from '@millrace/telemetry';

type Fields = Readonly<Record<string, unknown>>;
type AnyCall = TracedCall<ModelAnswer> | TracedCall<{ output?: () => string }>;

/** LangChain's callbacks that trace what models and tools do. They are plain functions: an agent has its own copy of LangChain. */
export function traceCallbacks(trace: AttemptTrace): object {
  const models = new Map<string, TracedCall<ModelAnswer>>();
  const tools = new Map<string, TracedCall<{ output?: () => string }>>();
  const within = (parentId: string | undefined): AnyCall | undefined =>
    parentId === undefined ? undefined : (tools.get(parentId) ?? models.get(parentId));
  return {
    name: 'millrace-trace',
    // at the moment of what they report
    awaitHandlers: true,
    handleChatModelStart: (...[, messages, runId, parentId, , , metadata]: ChatModelStart) => {
      const {
        ls_provider: provider,
        ls_model_name: model,
        ls_max_tokens: most,
        ls_temperature: warmth,
      } = metadata ?? {};
      const request = {
        ...{ provider: textOr(provider, 'unknown'), model: textOr(model, 'unknown') },
        ...{ maxTokens: numberOf(most), temperature: numberOf(warmth) },
        input: () => (messages[0] ?? []).map((message) => tracedMessage(message)),
      };
      models.set(runId, trace.model(request, within(parentId) as TracedCall<never> | undefined));
    },
    handleLLMEnd: (output: Output, runId: string) => {
      models.get(runId)?.end(answerIn(output));
      models.delete(runId);
    },
    handleLLMError: (error: unknown, runId: string) => {
      models.get(runId)?.fail(error);
      models.delete(runId);
    },
    handleToolStart: (...[tool, input, runId, parentId, , , name, callId]: ToolStart) => {
      const request = { name: name ?? tool?.name ?? 'tool', callId, input: () => input };
      tools.set(runId, trace.tool(request, within(parentId) as TracedCall<never> | undefined));
    },
    handleToolEnd: (output: unknown, runId: string) => {
      tools.get(runId)?.end({ output: () => textOf(fieldsOf(output)['content'] ?? output) });
      tools.delete(runId);
    },
    handleToolError: (error: unknown, runId: string) => {
      const directs = DIRECTIONS.has(textOr(fieldsOf(error)['name'], ''));
      tools.get(runId)?.fail(directs ? undefined : error);
      tools.delete(runId);
    },
  };
}

/** What LangGraph throws to direct itself. */
const DIRECTIONS = new Set(['GraphInterrupt', 'NodeInterrupt', 'GraphBubbleUp', 'ParentCommand', 'GraphDrained']);

type ChatModelStart = [
  model: unknown,
  messages: readonly (readonly unknown[])[],
  runId: string,
  parentRunId?: string,
  parameters?: unknown,
  tags?: string[],
  metadata?: Fields,
];
type ToolStart = [
  tool: { readonly name?: string } | undefined,
  input: string,
  runId: string,
  parentRunId?: string,
  tags?: string[],
  metadata?: Fields,
  name?: string,
  callId?: string,
];
interface Output {
  readonly generations?: readonly (readonly { readonly message?: unknown; readonly generationInfo?: Fields }[])[];
  readonly llmOutput?: Fields;
}

function answerIn({ generations, llmOutput }: Output): ModelAnswer {
  const generation = generations?.[0]?.[0];
  const message = fieldsOf(generation?.message);
  const info = { ...generation?.generationInfo, ...fieldsOf(message['response_metadata']) };
  const usage = fieldsOf(message['usage_metadata']);
  const counted = fieldsOf(llmOutput?.['tokenUsage']);
  const reason = info['finish_reason'] ?? info['stop_reason'];
  return {
    id: textOr(message['id'], ''),
    model: textOr(info['model_name'] ?? info['model'], ''),
    ...(typeof reason === 'string' ? { finishReasons: [reason] } : {}),
    inputTokens: numberOf(usage['input_tokens'] ?? counted['promptTokens']),
    outputTokens: numberOf(usage['output_tokens'] ?? counted['completionTokens']),
    output: () => [tracedMessage(message, typeof reason === 'string' ? reason : undefined)],
  };
}

/** A message of LangChain, of any version, in the form of the conventions for traces. */
function tracedMessage(given: unknown, finishReason?: string): TracedMessage {
  const message = fieldsOf(given);
  const { getType, content, tool_calls: calls, tool_call_id: callId } = message;
  const type = typeof getType === 'function' ? String(getType.call(given)) : textOr(message['role'], 'ai');
  const text = textOf(content);
  const parts =
    callId !== undefined
      ? [{ type: 'tool_call_response', id: callId, response: text }]
      : [
          ...(text === '' ? [] : [{ type: 'text', content: text }]),
          ...(Array.isArray(calls) ? calls : []).map((call: unknown) => {
            const { id, name, args } = fieldsOf(call);
            return { type: 'tool_call', id, name, arguments: args };
          }),
        ];
  const role = ROLES[type] ?? type;
  return { role, parts, ...(finishReason === undefined ? {} : { finish_reason: finishReason }) };
}

const ROLES: Readonly<Record<string, string>> = { human: 'user', ai: 'assistant' };

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return content === undefined ? '' : (JSON.stringify(content) ?? '');
  return content.map((part: unknown) => textOr(fieldsOf(part)['text'], '')).join('');
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
