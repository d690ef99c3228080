import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import { z } from 'zod';

const look = tool(async ({ at }) => `seen ${at}`, {
  name: 'look',
  description: 'Looks at something.',
  schema: z.object({ at: z.string() }),
});

/** Asks its model, looks, and asks its model again: three steps. */
export const graph = createAgent({ model: new ChatOpenAI({ model: 'simulated' }), tools: [look] });
