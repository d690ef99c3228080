import { fileURLToPath } from 'node:url';
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { createAgent } from 'langchain';

/** One server for all runs: it starts with the process that loads this module and ends with it. */
const client = new MultiServerMCPClient({
  notes: {
    transport: 'stdio',
    command: process.execPath,
    args: [fileURLToPath(new URL('./server.ts', import.meta.url))],
    restart: { enabled: true },
  },
});

async function createNotesAgent() {
  return createAgent({
    model: 'openai:gpt-4o-mini',
    tools: await client.getTools(),
    systemPrompt: 'You keep notes for the user.',
  });
}

export const agent = createNotesAgent();
