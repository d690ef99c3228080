import type { CallerTool, OutputParameters } from '@millrace/contracts';

export type ChatCallOptions = NonNullable<ReturnType<typeof callOptionsOf>>;

/** A request's tools and response format as LangChain's call options, in OpenAI's form.
 *  @returns null where the request has none */
export function callOptionsOf({ tools, toolChoice, parallelToolCalls, responseFormat }: OutputParameters) {
  if (tools === undefined && responseFormat === undefined) return null;
  return {
    ...(tools === undefined ? {} : { tools: tools.map(toolOf) }),
    ...(toolChoice === undefined ? {} : { tool_choice: toolChoiceOf(toolChoice) }),
    ...(parallelToolCalls === undefined ? {} : { parallel_tool_calls: parallelToolCalls }),
    ...(responseFormat === undefined ? {} : { response_format: responseFormatOf(responseFormat) }),
  };
}

function toolOf({ name, description, parameters, strict }: CallerTool) {
  const described = description === undefined ? {} : { description };
  const bound = strict === undefined ? {} : { strict };
  return { type: 'function' as const, function: { name, ...described, parameters, ...bound } };
}

function toolChoiceOf(choice: NonNullable<OutputParameters['toolChoice']>) {
  return typeof choice === 'string' ? choice : { type: 'function' as const, function: choice };
}

function responseFormatOf(format: NonNullable<OutputParameters['responseFormat']>) {
  if (format.type !== 'json_schema') return format;
  const { type, name, schema, strict } = format;
  return { type, json_schema: { name, schema, ...(strict === undefined ? {} : { strict }) } };
}
