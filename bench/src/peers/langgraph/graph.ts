/** The graph that the LangGraph server runs: one call of the model, as in its quick start. */
import { MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { given } from '../app-process.ts';
import { chatOpenAi } from '../chat-open-ai.ts';

const model = chatOpenAi(given('MODEL_URL'));

export const graph = new StateGraph(MessagesAnnotation)
  .addNode('answer', async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
  .addEdge('__start__', 'answer')
  .addEdge('answer', '__end__')
  .compile();
