/** Who is measured, in the order of the tables: the name under which the figures are kept, and that for readers. */
export const LABELS: Readonly<Record<string, string>> = {
  model: 'the model itself (ceiling)',
  direct: 'direct: Fastify + ChatOpenAI + SSE',
  'resumable-stream': 'resumable-stream + Fastify',
  langgraph: 'LangGraph server (dev)',
  naive: 'naive: BullMQ + PUBLISH + Nest @Sse',
  millrace: 'Millrace',
  'millrace, one event per token': 'Millrace, one event per token',
  'millrace-worker': 'Millrace, from the worker on',
  nchan: 'nchan (nginx, C)',
  'bare-langchain': 'bare loop: ChatOpenAI.stream()',
  'bare-fetch': 'bare loop: fetch + eventsource-parser',
  bullmq: 'BullMQ alone: add + process',
};

/** @param peer an id; one without a name for readers is its own */
export function labelOf(peer: string): string {
  return LABELS[peer] ?? peer;
}
