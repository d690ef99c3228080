import { AIMessage } from '@langchain/core/messages';
import { interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';

const circle = { name: 'circle' };
circle.self = circle;

/** Throws what need not be an error. */
function raise(thrown) {
  throw thrown;
}

const WAYS = {
  'rejects a promise that nobody awaits': () => void Promise.reject(new Error('detached')),
  'rejects one with a circle': () => void Promise.reject(circle),
  'prints 100 MB in lines': () => {
    const line = 'x'.repeat(1_000);
    for (let count = 0; count < 100_000; count += 1) console.log(line);
  },
  'prints 100 MB at once': () => console.log('x'.repeat(100_000_000)),
  'throws undefined': () => raise(undefined),
  'throws a text': () => raise('text'),
  'throws a circle': () => raise(circle),
  'asks with a circle': () => interrupt(circle),
};

export const rude = new StateGraph(MessagesAnnotation)
  .addNode('misbehave', ({ messages }) => {
    WAYS[messages.at(-1).content]();
    return { messages: [new AIMessage('goes on')] };
  })
  .addEdge(START, 'misbehave')
  .compile();
