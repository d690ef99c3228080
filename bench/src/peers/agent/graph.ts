/** The agent that is measured, in every server the same file: the model speaks and calls a tool until it calls none. */
import { ToolMessage } from '@langchain/core/messages';
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { ChatOpenAI } from '@langchain/openai';

const look = {
  type: 'function',
  function: {
    name: 'look',
    description: 'Looks once.',
    parameters: { type: 'object', properties: { step: { type: 'integer' } }, required: ['step'] },
  },
} as const;

const model = new ChatOpenAI({
  model: 'gpt-4o-mini',
  apiKey: 'no-key-needed',
  maxRetries: 0,
  useResponsesApi: false,
  streamUsage: true,
  configuration: { logLevel: 'off', baseURL: process.env['MODEL_URL'] },
}).bindTools([look]);

type State = typeof MessagesAnnotation.State;

export const graph = new StateGraph(MessagesAnnotation)
  .addNode('think', async ({ messages }: State) => ({ messages: [await model.invoke(messages)] }))
  .addNode('look', ({ messages }: State) => ({
    messages: callsIn(messages).map(
      ({ id, args }) => new ToolMessage({ content: `seen at ${args.step}`, name: 'look', tool_call_id: id }),
    ),
  }))
  .addEdge(START, 'think')
  .addConditionalEdges('think', ({ messages }: State) => (callsIn(messages).length > 0 ? 'look' : END))
  .addEdge('look', 'think')
  .compile();

interface Call {
  readonly id: string;
  readonly args: { readonly step?: number };
}

function callsIn(messages: State['messages']): readonly Call[] {
  return (messages.at(-1) as { tool_calls?: Call[] } | undefined)?.tool_calls ?? [];
}
