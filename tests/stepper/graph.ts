/** The agent of the fault tests and of the chaos run. The model decides each step; the state counts the steps of all tasks of
 *  the thread; the last message says them. */
import { AIMessage, ToolMessage } from '@langchain/core/messages';
import { Annotation, END, interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { ChatOpenAI } from '@langchain/openai';

const State = Annotation.Root({
  ...MessagesAnnotation.spec,
  /** `<task>.<step>`, or `<task>.<step>=<answer>` where a person was asked, in the order in which they were done */
  steps: Annotation<string[]>({ reducer: (done, more) => [...done, ...more], default: () => [] }),
});

const work = {
  type: 'function',
  function: {
    name: 'work',
    description: 'Does one step of a task.',
    parameters: {
      type: 'object',
      properties: { task: { type: 'string' }, step: { type: 'integer' }, asks: { type: 'boolean' } },
      required: ['task', 'step', 'asks'],
    },
  },
} as const;

const model = new ChatOpenAI({
  model: 'simulated',
  apiKey: 'no-key-needed',
  maxRetries: 0,
  useResponsesApi: false,
  streamUsage: true,
}).bindTools([work]);

export const graph = new StateGraph(State)
  .addNode('think', async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
  .addNode('work', ({ messages }) => {
    const [call] = callsIn(messages.at(-1));
    const { task, step, asks } = call?.args ?? {};
    const done = `${task}.${step}${asks ? `=${interrupt({ task, step })}` : ''}`;
    return {
      messages: [new ToolMessage({ content: done, name: 'work', tool_call_id: call?.id ?? '' })],
      steps: [done],
    };
  })
  .addNode('tell', ({ steps }) => ({ messages: [new AIMessage(JSON.stringify(steps))] }))
  .addEdge(START, 'think')
  .addConditionalEdges('think', ({ messages }) => (callsIn(messages.at(-1)).length > 0 ? 'work' : 'tell'))
  .addEdge('work', 'think')
  .addEdge('tell', END)
  .compile();

function callsIn(message: unknown): NonNullable<AIMessage['tool_calls']> {
  return (message as AIMessage | undefined)?.tool_calls ?? [];
}
