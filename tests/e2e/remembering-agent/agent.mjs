import { Annotation, interrupt, START, StateGraph } from '@langchain/langgraph';

const State = Annotation.Root({ note: Annotation(), before: Annotation(), answer: Annotation() });

/** Keeps what it is told in its store, says what it was told before, and asks about it. */
export const graph = new StateGraph(State)
  .addNode('remember', async ({ note }, { store, writer }) => {
    const [last] = await store.search(['notes'], { filter: { kind: 'note' } });
    await store.put(['notes'], 'last', { kind: 'note', note });
    writer?.({ type: 'progress', id: note, percent: 100 });
    return { before: last?.value.note ?? null };
  })
  .addNode('ask', ({ note }) => ({ answer: interrupt({ about: note }) }))
  .addEdge(START, 'remember')
  .addEdge('remember', 'ask')
  .compile();
