import { AIMessage, HumanMessage } from '@langchain/core/messages';
import type { RunnableConfig } from '@langchain/core/runnables';
import { tool } from '@langchain/core/tools';
import { entrypoint, interrupt, MessagesAnnotation, START, StateGraph, task } from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';
import { Tone } from '~/tone.js';

type State = typeof MessagesAnnotation.State;

const model = new ChatOpenAI({ model: 'gpt-4o-mini', maxRetries: 0 });
const schema = z.object({ what: z.string() });
const find = tool(async ({ what }) => `found ${what}`, { name: 'find', description: 'Finds.', schema });
const fail = tool(
  async () => {
    throw new Error('no luck');
  },
  { name: 'fail', description: 'Fails.', schema },
);
const approve = tool(async ({ what }) => `${what}: ${interrupt({ may: what })}`, {
  ...{ name: 'approve', description: 'Asks.', schema },
});

function withTools(tools: (typeof find)[]) {
  const bound = model.bindTools(tools);
  return new StateGraph(MessagesAnnotation)
    .addNode('agent', async ({ messages }: State) => ({ messages: [await bound.invoke(messages)] }))
    .addNode('tools', new ToolNode(tools))
    .addEdge(START, 'agent')
    .addConditionalEdges('agent', ({ messages }: State) =>
      (messages.at(-1) as AIMessage).tool_calls?.length ? 'tools' : '__end__',
    )
    .addEdge('tools', 'agent');
}

/** not compiled */
export const tools = withTools([find, fail]);
/** compiled */
export const approval = withTools([approve]).compile();
/** a promise */
export const remembers = Promise.resolve(
  new StateGraph(MessagesAnnotation)
    .addNode('count', async ({ messages }: State) => {
      const own = messages.filter((message) => message instanceof HumanMessage || message instanceof AIMessage);
      return { messages: [new AIMessage(`${own.length} of ${messages.length}`)] };
    })
    .addEdge(START, 'count')
    .compile(),
);

const think = task('think', async (question: string) => (await model.invoke(question)).content);

/** of the functional API */
export const flow = entrypoint('flow', async ({ question }: { question: string }) => {
  const answer = await think(question);
  return { answer, verdict: interrupt({ draft: answer }) };
});

/** a function */
export default async function make({ configurable }: RunnableConfig) {
  const text = `${Tone.Kind} to ${configurable?.['who']}, ${process.env['AGENTS_GREETING']}`;
  return new StateGraph(MessagesAnnotation)
    .addNode('say', async () => ({ messages: [new AIMessage(text)] }))
    .addEdge(START, 'say');
}
