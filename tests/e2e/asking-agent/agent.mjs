import { AIMessage } from '@langchain/core/messages';
import { interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';

/** Asks a person what was asked of it, and says what it was told. */
export const graph = new StateGraph(MessagesAnnotation)
  .addNode('ask', ({ messages }) => {
    const answer = interrupt({ question: messages.at(-1).content });
    return { messages: [new AIMessage(`You said ${answer}, of ${messages.length}.`)] };
  })
  .addEdge(START, 'ask')
  .compile();
