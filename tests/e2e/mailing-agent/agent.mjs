import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent, humanInTheLoopMiddleware } from 'langchain';
import { z } from 'zod';

const mail = tool(
  async ({ to }, { writer }) => {
    writer?.({ type: 'progress', id: to, percent: 100 });
    return `sent to ${to}`;
  },
  { name: 'mail', description: 'Sends a mail.', schema: z.object({ to: z.string() }) },
);

/** Sends mails that a person approves. */
export const graph = createAgent({
  model: new ChatOpenAI({ model: 'simulated' }),
  tools: [mail],
  middleware: [humanInTheLoopMiddleware({ interruptOn: { mail: true } })],
});
