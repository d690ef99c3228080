import { type ChatCompletionRequest, LLMock } from '@copilotkit/aimock';
import { catchAllAnswer, DEMO_TOPICS } from './demo-answers.ts';
import { demoToolAnswer, demoToolCall } from './demo-tools.ts';
import { type DemoSchema, demoValue } from './demo-value.ts';

export interface DemoModelOptions {
  /** a free one when 0 or left out */
  readonly port?: number;
  /** 127.0.0.1 when left out */
  readonly host?: string;
  /** time to the first token, milliseconds */
  readonly ttftMs?: number;
  readonly tokensPerSecond?: number;
}

export interface DemoModel extends AsyncDisposable {
  /** for `OPENAI_BASE_URL` */
  readonly url: string;
  stop(): Promise<void>;
}

// a token of a real model is about four characters of English
const TOKEN_CHARACTERS = 4;
const JITTER = 0.35;
const REQUESTS_REMEMBERED = 10;

/** A simulated OpenAI server for demonstrations: answers any prompt at the pace of a real model, calls tools, and fills in
 *  the schema of a chat completion.
 *  Built on aimock, which implements OpenAI's protocol in full and paces its answers; tests that need exact deltas,
 *  gates or faults use `startModel()`. */
export async function startDemoModel(options: DemoModelOptions = {}): Promise<DemoModel> {
  const { port = 0, host = '127.0.0.1', ttftMs = 400, tokensPerSecond = 40 } = options;
  const pace = { streamingProfile: { ttft: ttftMs, tps: tokensPerSecond, jitter: JITTER } };
  const server = new LLMock({ port, host, chunkSize: TOKEN_CHARACTERS, journalMaxEntries: REQUESTS_REMEMBERED });
  server.on({ endpoint: 'chat' }, answerTo, pace);
  await server.start();
  const stop = () => server.stop();
  return { url: `http://${hostInUrl(host)}:${server.port}/v1`, stop, [Symbol.asyncDispose]: stop };
}

function answerTo(request: ChatCompletionRequest) {
  const question = questionOf(request);
  const call = demoToolCall(request, question);
  if (call !== null) return { toolCalls: [call] };
  const schema = schemaOf(request);
  if (schema !== undefined) return { content: JSON.stringify(demoValue(schema, question)) };
  const known = DEMO_TOPICS.find(({ about }) => about.test(question))?.answer;
  return { content: demoToolAnswer(request) ?? known ?? catchAllAnswer(question) };
}

function schemaOf({ response_format: format }: ChatCompletionRequest): DemoSchema | undefined {
  return (format as { json_schema?: { schema?: DemoSchema } } | undefined)?.json_schema?.schema;
}

function questionOf({ messages }: ChatCompletionRequest): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content ?? '';
  return typeof content === 'string' ? content : content.map(({ text }) => text ?? '').join('');
}

/** "Every interface" is reached through loopback; IPv6 addresses are put in brackets. */
function hostInUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
