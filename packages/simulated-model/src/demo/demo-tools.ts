import type { ChatCompletionRequest } from '@copilotkit/aimock';
import { type DemoSchema, demoValue } from './demo-value.ts';

type Tools = NonNullable<ChatCompletionRequest['tools']>;

/** The call that the demonstration model makes: of the tool that must be called, or of the one whose name and description
 *  have most in common with the question.
 *  @returns null: it answers without a tool, as it does once it has a result */
export function demoToolCall(request: ChatCompletionRequest, question: string) {
  const { tools = [], tool_choice: choice, messages } = request;
  if (tools.length === 0 || choice === 'none' || messages.at(-1)?.role === 'tool') return null;
  const tool = forced(tools, choice) ?? closest(tools, question);
  if (tool === undefined) return null;
  const { name, parameters = {} } = tool.function;
  return { name, arguments: JSON.stringify(demoValue({ type: 'object', ...(parameters as DemoSchema) }, question)) };
}

/** What it says when its tools have answered. */
export function demoToolAnswer({ messages }: ChatCompletionRequest): string | null {
  if (messages.at(-1)?.role !== 'tool') return null;
  const first = messages.findLastIndex(({ role }) => role !== 'tool') + 1;
  const results = messages
    .slice(first)
    .map(({ content }) => (typeof content === 'string' ? content : JSON.stringify(content)));
  return `The tool answered: ${results.join('\n')}

I am a simulated model: I called it because your question has words of its description, and this is all that I make of the result.`;
}

function forced(tools: Tools, choice: ChatCompletionRequest['tool_choice']): Tools[number] | undefined {
  if (choice === 'required') return tools[0];
  if (typeof choice !== 'object') return undefined;
  const { name, function: named } = choice as { name?: string; function?: { name?: string } };
  return tools.find((tool) => tool.function.name === (named?.name ?? name));
}

function closest(tools: Tools, question: string): Tools[number] | undefined {
  const asked = wordsOf(question);
  const shared = ({ function: { name, description = '' } }: Tools[number]) =>
    [...wordsOf(`${name.replaceAll('_', ' ')} ${description}`)].filter((word) => asked.has(word)).length;
  const [best] = tools.map((tool) => ({ tool, score: shared(tool) })).sort((a, b) => b.score - a.score);
  return best !== undefined && best.score > 0 ? best.tool : undefined;
}

/** Words that say something: of four letters or more. */
function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/\p{L}{4,}/gu) ?? []);
}
