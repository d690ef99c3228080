import { AIMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { Annotation, interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';

/** Agents whose steps say something in every way that there is. The tests count their model calls and steps. */

const model = () => new ChatOpenAI({ model: 'simulated', maxRetries: 0 });
const look = tool(async ({ at }) => `seen ${at}`, { name: 'look', schema: z.object({ at: z.string() }) });

const State = Annotation.Root({
  ...MessagesAnnotation.spec,
  path: Annotation({ reducer: (path, steps) => [...path, ...steps], default: () => [] }),
});

const calls = (state) => (state.messages.at(-1)?.tool_calls?.length ?? 0) > 0;

/** Two steps of its own, of which the first says something. */
const inner = new StateGraph(State)
  .addNode('first', async (_state, { writer }) => {
    writer?.({ inner: 1 });
    return { path: ['first'], messages: [await model().invoke('inner')] };
  })
  .addNode('second', async (_state, { writer }) => {
    writer?.({ inner: 2 });
    return { path: ['second'] };
  })
  .addEdge(START, 'first')
  .addEdge('first', 'second')
  .compile();

export const steps = new StateGraph(State)
  .addNode('plan', async (_state, { writer }) => {
    for (let part = 0; part < 3; part += 1) writer?.({ part });
    return { path: ['plan'] };
  })
  .addNode('agent', async ({ messages }) => ({
    path: ['agent'],
    messages: [await model().bindTools([look]).invoke(messages)],
  }))
  .addNode('tools', new ToolNode([look]))
  // says a message that no model has streamed
  .addNode('note', async () => ({ path: ['note'], messages: [new AIMessage('noted')] }))
  // puts the words of its model into a message of its own
  .addNode('copy', async () => ({
    path: ['copy'],
    messages: [new AIMessage(`${(await model().invoke('copy')).content}`)],
  }))
  .addNode('inner', inner)
  .addNode('left', async () => ({ path: ['left'], messages: [await model().invoke('left')] }))
  .addNode('right', async (_state, { writer }) => {
    writer?.({ right: true });
    return { path: ['right'] };
  })
  .addEdge(START, 'plan')
  .addEdge('plan', 'agent')
  .addConditionalEdges('agent', (state) => (calls(state) ? 'tools' : 'note'))
  .addEdge('tools', 'agent')
  .addEdge('note', 'copy')
  .addEdge('copy', 'inner')
  .addEdge('inner', 'left')
  .addEdge('inner', 'right')
  .compile();

export const approval = new StateGraph(State)
  .addNode('draft', async () => ({ path: ['draft'], messages: [await model().invoke('draft')] }))
  .addNode('ask', async (_state, { writer }) => {
    writer?.({ asks: true });
    const [first, second] = [interrupt('first?'), interrupt('second?')];
    return { path: [`${first}+${second}`], messages: [new ToolMessage({ content: 'asked', tool_call_id: 'none' })] };
  })
  .addNode('send', async () => ({ path: ['send'], messages: [await model().invoke('send')] }))
  .addEdge(START, 'draft')
  .addEdge('draft', 'ask')
  .addEdge('ask', 'send')
  .compile();

export const breakpoint = new StateGraph(State)
  .addNode('draft', async () => ({ path: ['draft'], messages: [await model().invoke('draft')] }))
  .addNode('send', async () => ({ path: ['send'], messages: [await model().invoke('send')] }))
  .addEdge(START, 'draft')
  .addEdge('draft', 'send')
  .compile({ interruptBefore: ['send'] });
