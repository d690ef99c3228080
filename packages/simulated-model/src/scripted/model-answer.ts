import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Completion } from './completion.ts';
import { type ChatRequest, type ModelRequest, promptOf } from './model-request.ts';
import type { AnswerOptions, ModelFailure, ModelStep, ModelSteps, ModelUsage } from './model-step.ts';

/** Steps and how to run them. */
export interface ModelScript extends AnswerOptions {
  readonly steps: ModelSteps;
}

/** Runs the steps of a script in order on one response.
 *  @param gone aborted when the client has closed the connection */
export async function playScript(
  script: ModelScript,
  request: ModelRequest,
  response: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  const answer = new Answer(request, response);
  let pauseMs = script.firstTokenMs ?? 0;
  for await (const step of script.steps) {
    if (pauseMs > 0) await pause(pauseMs, gone);
    if (gone.aborted) return;
    pauseMs = script.stepMs ?? 0;
    await answer.take(step, gone);
    if (answer.over) return;
    if (response.writableNeedDrain) await drained(response, gone);
  }
  if (!gone.aborted) answer.finish(script.finishReason, script.usage);
}

/** Answers with a status instead of a completion, in OpenAI's error format. */
export function refuse(
  response: ServerResponse,
  { status, message = 'simulated failure', retryAfter }: ModelFailure,
): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  });
  response.end(JSON.stringify({ error: { message, type: 'simulated_error', code: String(status), param: null } }));
}

async function pause(ms: number, gone: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: gone }).catch(() => {
    // aborted: the caller looks at the signal
  });
}

// otherwise an endless script without pauses would fill the memory and starve the event loop
async function drained(response: ServerResponse, gone: AbortSignal): Promise<void> {
  await once(response, 'drain', { signal: gone }).catch(() => {
    // aborted: the caller looks at the signal
  });
}

/** The answer to one request, streamed or whole as requested. */
class Answer {
  over = false;
  private readonly body: ChatRequest;
  private readonly completion: Completion;
  private readonly toolCalls: object[] = [];
  private deltas = 0;
  private reasoning = '';

  constructor(
    private readonly request: ModelRequest,
    private readonly response: ServerResponse,
  ) {
    this.body = request.body;
    this.completion = new Completion(this.body.model ?? 'simulated');
  }

  async take(step: ModelStep, gone: AbortSignal): Promise<void> {
    if (typeof step === 'string') return this.say(step);
    if ('reasoning' in step) return this.reason(step.reasoning);
    if ('toolCall' in step) return this.call(step.toolCall);
    if ('waitMs' in step) return pause(step.waitMs, gone);
    if ('raw' in step) return this.write(step.raw);
    this.over = true;
    if ('fail' in step) return refuse(this.response, step.fail);
    if ('reset' in step) this.reset();
    if ('cut' in step) this.response.end();
    if ('silence' in step) this.open();
  }

  finish(
    finishReason = this.toolCalls.length > 0 ? 'tool_calls' : 'stop',
    usage: ModelUsage = this.countUsage(),
  ): void {
    this.over = true;
    if (this.body.stream !== true) {
      const message = {
        content: this.toolCalls.length > 0 && this.request.said === '' ? null : this.request.said,
        ...(this.reasoning === '' ? {} : { reasoning_content: this.reasoning }),
        ...(this.toolCalls.length === 0 ? {} : { tool_calls: this.toolCalls }),
      };
      this.response.setHeader('content-type', 'application/json');
      this.response.end(this.completion.whole(message, finishReason, usage));
      return;
    }
    this.event(this.completion.chunk({}, finishReason));
    if (this.body.stream_options?.include_usage === true) this.event(this.completion.usageChunk(usage));
    this.event('[DONE]');
    this.response.end();
  }

  private say(text: string): void {
    this.deltas += 1;
    this.request.said += text;
    this.event(this.completion.chunk({ content: text }));
  }

  private reason(text: string): void {
    this.reasoning += text;
    this.event(this.completion.chunk({ reasoning_content: text }));
  }

  private call({ id, name, arguments: args }: { id: string; name: string; arguments: string }): void {
    const index = this.toolCalls.length;
    this.toolCalls.push({ id, type: 'function', function: { name, arguments: args } });
    // like real models: first the name, then the arguments in pieces
    const half = Math.ceil(args.length / 2);
    const opening = { index, id, type: 'function', function: { name, arguments: '' } };
    this.event(this.completion.chunk({ tool_calls: [opening] }));
    for (const piece of [args.slice(0, half), args.slice(half)]) {
      if (piece !== '') this.event(this.completion.chunk({ tool_calls: [{ index, function: { arguments: piece } }] }));
    }
  }

  private event(data: string): void {
    if (this.body.stream === true) this.write(`data: ${data}\n\n`);
  }

  private write(bytes: string): void {
    this.open();
    this.response.write(bytes);
  }

  private open(): void {
    if (this.response.headersSent || this.body.stream !== true) return;
    this.response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    this.response.flushHeaders();
    this.response.write(`data: ${this.completion.chunk({ role: 'assistant', content: '' })}\n\n`);
  }

  private reset(): void {
    this.request.wasReset = true;
    this.response.socket?.resetAndDestroy();
  }

  private countUsage(): ModelUsage {
    return { inputTokens: promptOf(this.body).split(/\s+/).filter(Boolean).length, outputTokens: this.deltas };
  }
}
