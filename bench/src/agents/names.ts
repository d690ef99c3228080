/** Who is measured, in the order of the tables. */
export const NAMES: Readonly<Record<string, string>> = {
  bare: 'bare: graph.stream()',
  langgraph: 'LangGraph server (dev, in memory)',
  'pure-graph': 'pure-graph, streams in Redis',
  'pure-graph-memory': 'pure-graph, all in memory',
  millrace: 'Millrace',
  memory: 'MemorySaver, in the process of the graph',
  redis: 'Millrace, in Redis',
  postgres: 'Millrace, in PostgreSQL',
};

export function nameOf(id: string): string {
  return NAMES[id] ?? id;
}
