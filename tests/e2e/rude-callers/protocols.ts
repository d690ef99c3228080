/** The endpoints of each protocol, and the shape of its errors. */
export interface ProtocolUnderAttack {
  readonly name: string;
  /** path of the POST that makes a job */
  readonly create: string;
  /** a good body, which asks the question */
  readonly body: (question: string, streams?: boolean) => Readonly<Record<string, unknown>>;
  /** paths of reads of a job */
  readonly reads: (id: string) => readonly string[];
  /** what clients resume with: a header, or a parameter of the query */
  readonly cursors: readonly (readonly [place: 'header' | 'query', name: string])[];
  /** paths of other POSTs about a job */
  readonly acts: (id: string) => readonly string[];
  /** @returns whether an error is in the shape that the protocol's clients read */
  readonly isError: (body: string, contentType: string) => boolean;
}

const isOpenAiError = (body: string): boolean => {
  const { error } = JSON.parse(body);
  return typeof error.message === 'string' && typeof error.type === 'string' && 'code' in error && 'param' in error;
};
export const isProblem = (body: string, contentType: string): boolean => {
  const { code, status, detail } = JSON.parse(body);
  return (
    contentType.startsWith('application/problem+json') &&
    [typeof code, typeof status, typeof detail].join() === 'string,number,string'
  );
};
const messages = (content: string) => [{ role: 'user', content }];

export const PROTOCOLS: readonly ProtocolUnderAttack[] = [
  {
    name: 'openai-chat',
    create: '/v1/chat/completions',
    body: (question, streams = true) => ({ model: 'gpt-4o-mini', messages: messages(question), stream: streams }),
    reads: (id) => [`/v1/chat/completions/${id}/stream`, `/v1/models/${id}`],
    cursors: [['header', 'last-event-id']],
    acts: () => [],
    isError: isOpenAiError,
  },
  {
    name: 'openai-responses',
    create: '/v1/responses',
    body: (question, streams = true) => ({ model: 'gpt-4o-mini', input: question, stream: streams }),
    reads: (id) => [`/v1/responses/${id}`, `/v1/responses/${id}?stream=true`],
    cursors: [['query', 'starting_after']],
    acts: (id) => [`/v1/responses/${id}/cancel`],
    isError: isOpenAiError,
  },
  {
    name: 'anthropic',
    create: '/v1/messages',
    body: (question, streams = true) => ({
      ...{ model: 'gpt-4o-mini', max_tokens: 99, messages: messages(question), stream: streams },
    }),
    reads: () => [],
    cursors: [],
    acts: () => [],
    isError: (body) => {
      const { type, error } = JSON.parse(body);
      return type === 'error' && typeof error.type === 'string' && typeof error.message === 'string';
    },
  },
  {
    name: 'ai-sdk',
    create: '/api/chat',
    body: (question) => ({ messages: [{ id: 'u', role: 'user', parts: [{ type: 'text', text: question }] }] }),
    reads: (id) => [`/api/chat/${id}/stream`],
    cursors: [['query', 'startIndex']],
    acts: (id) => [`/api/chat/${id}/stop`],
    // the text is what `useChat` shows
    isError: (body, contentType) => contentType.startsWith('text/plain') && body !== '' && !/^\s*[{<]/.test(body),
  },
  {
    name: 'ag-ui',
    create: '/ag-ui',
    body: (question) => ({
      ...{ threadId: crypto.randomUUID(), runId: crypto.randomUUID(), state: {}, tools: [], context: [] },
      messages: [{ id: 'u', role: 'user', content: question }],
    }),
    reads: () => [],
    cursors: [['header', 'x-millrace-resume']],
    acts: () => [],
    isError: isProblem,
  },
  {
    name: 'langgraph',
    create: '/langgraph/runs/stream',
    body: (question) => ({
      ...{ assistant_id: 'chat', input: { messages: messages(question) }, stream_mode: ['messages-tuple', 'values'] },
    }),
    reads: (id) => [`/langgraph/runs/${id}/stream`, `/langgraph/threads/${id}/state`, `/langgraph/assistants/${id}`],
    cursors: [['header', 'last-event-id']],
    acts: (id) => [`/langgraph/threads/${id}/history`, `/langgraph/threads/${id}/runs/${id}/cancel`],
    isError: (body) => typeof JSON.parse(body).detail === 'string',
  },
  {
    name: 'durable-streams',
    create: '/v1/stream/a-job-that-is-not-there',
    body: () => ({}),
    reads: (id) => [`/v1/stream/${id}`, `/v1/stream/${id}?offset=-1&live=sse`],
    cursors: [['query', 'offset']],
    acts: () => [],
    isError: isProblem,
  },
];
