/** The names of spans and attributes, all of them. Those of OpenTelemetry's conventions for generative AI may still change there:
 *  here is where they are followed.
 *  @see https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ */
export const ATTRIBUTES = {
  // generative AI
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  maxTokens: 'gen_ai.request.max_tokens',
  temperature: 'gen_ai.request.temperature',
  responseModel: 'gen_ai.response.model',
  responseId: 'gen_ai.response.id',
  finishReasons: 'gen_ai.response.finish_reasons',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  toolName: 'gen_ai.tool.name',
  toolCallId: 'gen_ai.tool.call.id',
  toolType: 'gen_ai.tool.type',
  // its content: only with MILLRACE_TRACE_CONTENT
  inputMessages: 'gen_ai.input.messages',
  outputMessages: 'gen_ai.output.messages',
  toolArguments: 'gen_ai.tool.call.arguments',
  toolResult: 'gen_ai.tool.call.result',
  // general
  errorType: 'error.type',
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  // Millrace
  requestId: 'millrace.request_id',
  tenant: 'millrace.tenant',
  pipeline: 'millrace.pipeline',
  attempt: 'millrace.attempt',
  outcome: 'millrace.outcome',
  cursor: 'millrace.cursor',
  linkedAs: 'millrace.link',
} as const;

/** What instrumentation of others adds and no span may hold: paths and queries can be secrets, or what somebody asked for. */
export const PRIVATE_ATTRIBUTES = ['url.full', 'url.path', 'url.query'] as const;

export const OPERATIONS = { chat: 'chat', tool: 'execute_tool' } as const;

/** By the name that LangChain has for a provider, the one of the conventions, where they differ. */
const PROVIDERS: Readonly<Record<string, string>> = {
  azure: 'azure.ai.openai',
  azure_openai: 'azure.ai.openai',
  bedrock: 'aws.bedrock',
  amazon_bedrock: 'aws.bedrock',
  google: 'gcp.gen_ai',
  'google-genai': 'gcp.gemini',
  'google-vertexai': 'gcp.vertex_ai',
  mistralai: 'mistral_ai',
  xai: 'x_ai',
  ibm: 'ibm.watsonx.ai',
};

/** A provider as the conventions name it. */
export function providerName(provider: string): string {
  return PROVIDERS[provider] ?? provider;
}
