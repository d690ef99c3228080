/** The providers that a model's name may begin with: those for which LangChain has a package. A test of the worker
 *  compares this list with LangChain's. */
export const MODEL_PROVIDERS = [
  ...['openai', 'anthropic', 'azure_openai', 'langsmith', 'cohere', 'google', 'google-vertexai', 'google-vertexai-web'],
  ...['google-genai', 'ollama', 'mistralai', 'mistral', 'groq', 'bedrock', 'aws', 'deepseek', 'xai', 'cerebras'],
  ...['fireworks', 'together', 'perplexity'],
] as const;

const PROVIDERS: ReadonlySet<string> = new Set(MODEL_PROVIDERS);

/** @returns `provider:name`; a name whose first part is not a provider (`qwen3:8b`) is a model of `defaultProvider` */
export function qualifiedModel(model: string, defaultProvider: string): string {
  const { provider } = partsOfModel(model);
  return PROVIDERS.has(provider) ? model : `${defaultProvider}:${model}`;
}

/** Splits a model at its first colon: names may contain more colons (`openai:llama3.2:3b`). */
export function partsOfModel(model: string): { readonly provider: string; readonly name: string } {
  const colon = model.indexOf(':');
  return { provider: model.slice(0, Math.max(colon, 0)), name: model.slice(colon + 1) };
}
