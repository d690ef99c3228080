import type { Usage } from '@millrace/contracts';
import type { OpenAiError } from '../openai/errors.ts';
import { shownModel } from '../openai/model.ts';
import type { StreamedJob } from '../stream-format.ts';

/** Before the id of a job, which is the id of its response. */
export const RESPONSE_PREFIX = 'resp_';

export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled';

/** How far a response is. */
export interface ResponseProgress {
  readonly status: ResponseStatus;
  /** JSON of its items */
  readonly output: readonly string[];
  readonly usage?: Usage | null;
  readonly error?: Pick<OpenAiError, 'code' | 'message'> | null;
  /** of an `incomplete` response */
  readonly reason?: string | null;
}

/** The JSON of a response. Everything in it is known from the log and the record of its job, so the parameters of its request are
 *  not repeated. */
export function responseJson(job: StreamedJob, progress: ResponseProgress): string {
  const { status, output, usage = null, error = null, reason = null } = progress;
  const { id, createdAt, metadata = {}, onDisconnect = 'cancel', threadId, continues = null } = job;
  const head = JSON.stringify({
    id: `${RESPONSE_PREFIX}${id}`,
    object: 'response',
    created_at: Math.floor(createdAt / 1000),
    status,
    background: onDisconnect === 'continue',
    error: error === null ? null : { code: error.code, message: error.message },
    incomplete_details: reason === null ? null : { reason },
    instructions: null,
    max_output_tokens: null,
    metadata,
    model: shownModel(job),
  });
  const tail = JSON.stringify({
    parallel_tool_calls: true,
    previous_response_id: continues === null ? null : `${RESPONSE_PREFIX}${continues}`,
    reasoning: { effort: null, summary: null },
    store: threadId !== null,
    temperature: null,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: null,
    truncation: 'disabled',
    usage: usage === null ? null : usageOf(usage),
    user: null,
  });
  return `${head.slice(0, -1)},"output":[${output.join(',')}],${tail.slice(1)}`;
}

function usageOf({ inputTokens, outputTokens }: Usage) {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  };
}
