import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { AnswerWire, ModelToolCall } from './answer-wire.ts';
import { Completion } from './completion.ts';
import type { ChatRequest, ModelRequest } from './model-request.ts';
import type { AnswerOptions, ModelFailure, ModelStep, ModelSteps, ModelUsage } from './model-step.ts';
import { ResponseObject } from './response-object.ts';

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
  private readonly wire: AnswerWire;
  private readonly toolCalls: ModelToolCall[] = [];
  private deltas = 0;
  private reasoning = '';

  constructor(
    private readonly request: ModelRequest,
    private readonly response: ServerResponse,
  ) {
    this.body = request.body;
    const model = this.body.model ?? 'simulated';
    const withUsage = this.body.stream_options?.include_usage === true;
    this.wire = this.body.input === undefined ? new Completion(model, withUsage) : new ResponseObject(model);
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
    // a response always says it
    if (
      this.body.stream !== true ||
      this.body.input !== undefined ||
      this.body.stream_options?.include_usage === true
    ) {
      this.request.reported = usage;
    }
    if (this.body.stream === true) {
      this.events(() => this.wire.closing(finishReason, usage));
      this.response.end();
      return;
    }
    const said = { text: this.request.said, reasoning: this.reasoning, toolCalls: this.toolCalls };
    this.response.setHeader('content-type', 'application/json');
    this.response.end(this.wire.whole(said, finishReason, usage));
  }

  private say(text: string): void {
    this.deltas += 1;
    this.request.said += text;
    this.events(() => this.wire.text(text));
  }

  private reason(text: string): void {
    this.reasoning += text;
    this.events(() => this.wire.reasoning(text));
  }

  private call(call: ModelToolCall): void {
    this.toolCalls.push(call);
    this.events(() => this.wire.toolCall(call));
  }

  private events(made: () => readonly string[]): void {
    if (this.body.stream !== true) return;
    // before: the wire numbers its events
    this.open();
    for (const data of made()) this.response.write(`data: ${data}\n\n`);
  }

  private write(bytes: string): void {
    this.open();
    this.response.write(bytes);
  }

  private open(): void {
    if (this.response.headersSent || this.body.stream !== true) return;
    this.response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    this.response.flushHeaders();
    for (const data of this.wire.opening()) this.response.write(`data: ${data}\n\n`);
  }

  private reset(): void {
    this.request.wasReset = true;
    this.response.socket?.resetAndDestroy();
  }

  private countUsage(): ModelUsage {
    return { inputTokens: this.request.prompt.split(/\s+/).filter(Boolean).length, outputTokens: this.deltas };
  }
}
