import { AIMessage } from '@langchain/core/messages';
import { interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';

const circle = { name: 'circle' };
circle.self = circle;

/** Throws what need not be an error. */
function raise(thrown) {
  throw thrown;
}

/** A timer of the module: what it throws belongs to no job. */
let bomb = false;
setInterval(() => {
  if (!bomb) return;
  bomb = false;
  raise(new Error('nobody'));
}, 50).unref();

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
  'ends the process': () => process.exit(7),
  'ends the process twice': (attempt) => attempt < 3 && process.exit(7),
  'throws in a timer': () => {
    setTimeout(() => raise(new Error('late')), 0);
    return new Promise(() => {});
  },
  'throws on behalf of nobody': () => {
    bomb = true;
    return new Promise(() => {});
  },
  'blocks the event loop': (attempt) => {
    // the first worker is back before the second one, and each long after it was given up, also on a slow machine
    const until = performance.now() + (attempt === 1 ? 25_000 : 80_000);
    while (performance.now() < until);
  },
  'fills the memory': () => {
    for (const hoard = []; ; ) hoard.push(new Array(100_000).fill(Math.random()));
  },
};

export const rude = new StateGraph(MessagesAnnotation)
  .addNode('misbehave', async ({ messages }, { configurable }) => {
    await WAYS[messages.at(-1).content](configurable.attempt);
    return { messages: [new AIMessage('goes on')] };
  })
  .addEdge(START, 'misbehave')
  .compile();
