import { readSse } from '@millrace/testing';

/** The langgraph.json of a project with one agent, in `agent.ts`. */
export const GREETER = '{"graphs":{"greeter":"./agent.ts:graph"}}';

/** The source of an agent that asks no model. */
export const agentThatSays = (words: string) => `
import { AIMessage } from '@langchain/core/messages';
import { MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
const greet = async () => ({ messages: [new AIMessage('${words}')] });
export const graph = new StateGraph(MessagesAnnotation).addNode('greet', greet).addEdge(START, 'greet').compile();
`;

/** @returns what the agent says */
export async function askGreeter(url: string): Promise<string> {
  await using stream = await readSse(`${url}/jobs`, { body: { query: 'Hello', pipeline: 'greeter' } });
  await stream.collect();
  return stream.text();
}
