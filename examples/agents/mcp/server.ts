/** An MCP server over stdio with two tools. It keeps its notes in memory. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

const notes: string[] = [];
const server = new McpServer({ name: 'notes', version: '1.0.0' });

server.registerTool(
  'add_note',
  { description: 'Keeps a note.', inputSchema: { text: z.string() } },
  async ({ text }) => {
    notes.push(text);
    return { content: [{ type: 'text', text: `Note ${notes.length} is kept.` }] };
  },
);

server.registerTool('read_notes', { description: 'Reads all notes.', inputSchema: {} }, async () => {
  return { content: [{ type: 'text', text: notes.join('\n') || 'There are no notes.' }] };
});

await server.connect(new StdioServerTransport());
