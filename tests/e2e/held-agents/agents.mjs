import { AIMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';

const model = new ChatOpenAI({ model: 'simulated', apiKey: 'no-key-needed', maxRetries: 0 });

/** Stays in a model call. */
export const inModel = new StateGraph(MessagesAnnotation)
  .addNode('think', async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
  .addEdge(START, 'think')
  .compile();

/** Keeps a connection open until its signal aborts. */
const hold = tool(
  async ({ content }, { signal }) => {
    const response = await fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ stream: true, messages: [{ role: 'user', content }] }),
      signal,
    });
    return response.text();
  },
  { name: 'hold', description: 'Holds.', schema: z.object({ content: z.string() }) },
);

/** Stays in a tool. */
export const inTool = new StateGraph(MessagesAnnotation)
  .addNode('call', ({ messages: [{ content }] }) => ({
    messages: [new AIMessage({ content: '', tool_calls: [{ id: 'call-1', name: 'hold', args: { content } }] })],
  }))
  .addNode('tools', new ToolNode([hold]))
  .addEdge(START, 'call')
  .addEdge('call', 'tools')
  .compile();
