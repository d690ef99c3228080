import { Annotation, interrupt, START, StateGraph } from '@langchain/langgraph';

const State = Annotation.Root({
  count: Annotation({ reducer: (a, b) => a + b, default: () => 0 }),
  answer: Annotation(),
});

/** Counts, remembers the count in its store, and asks before it ends. */
export const graph = new StateGraph(State)
  .addNode('increase', async (_state, config) => {
    const before = await config.store.get(['counts'], 'last');
    await config.store.put(['counts'], 'last', { count: (before?.value.count ?? 0) + 1 });
    return { count: 1 };
  })
  .addNode('ask', ({ count }) => ({ answer: interrupt(`${count}?`) }))
  .addEdge(START, 'increase')
  .addEdge('increase', 'ask')
  .compile();
