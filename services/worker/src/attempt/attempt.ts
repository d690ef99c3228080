import {
  type AttemptInfo,
  type AttemptOutcome,
  type AttemptResult,
  type AttemptUsage,
  type Interrupt,
  idOf,
  type JobRef,
  type JobRequest,
  type Message,
  modelParametersOf,
  promptTokensOf,
  reservedTokensOf,
  type StreamErrorCode,
  type StreamEvent,
  type StreamEventData,
  tenantOf,
  type Usage,
} from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import {
  AttemptFenced,
  type Begun,
  type CancelListener,
  JobClosed,
  LogLost,
  LogWriteFailed,
  StreamLogError,
  type UsageLedger,
} from '@millrace/stream-log';
import { AttemptTrace } from '@millrace/telemetry';
import { AgentFailed } from '../pipelines/agents/agent-failed.ts';
import type { ModelObserver } from '../pipelines/definition/model-observer.ts';
import type { PipelineInput, PipelineResult } from '../pipelines/definition/pipeline.ts';
import type { RunnablePipeline } from '../pipelines/registry.ts';
import { MalformedEvent, PipelineMissing, TokensUsedUp, WorkerStopping } from './attempt-errors.ts';
import { AttemptThread, type ClaimedThread } from './attempt-thread.ts';
import { type DeadlineLimits, Deadlines } from './deadlines.ts';
import { type Failure, failureOf, isPipelineError } from './failure.ts';
import { type RetryPolicy, untilFirstEvent } from './first-event.ts';
import { giveBack } from './give-back.ts';
import type { WorkerMetrics } from './metrics.ts';
import { Progress } from './progress.ts';
import { shownConversation } from './shown-conversation.ts';
import { TokenGaps } from './token-gaps.ts';
import { abandon, orAborted, UntilAborted } from './until-aborted.ts';
import { sum, UsageCount } from './usage-count.ts';
import { isEmptyDelta, validateEvent, validateResult } from './validate-event.ts';

/** What an attempt needs of its worker. */
export interface AttemptPorts {
  readonly cancelListener: Pick<CancelListener, 'listenFor'>;
  readonly pipelines: { find(name: string): RunnablePipeline | undefined };
  readonly limits: Omit<DeadlineLimits, 'totalMs'>;
  readonly retry: RetryPolicy;
  readonly ledger: Pick<UsageLedger, 'reserve'>;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
}

type Begin = Extract<Begun, { kind: 'begun' }>;

/** One attempt at a job: writes the pipeline's events to the log until the pipeline ends or is stopped.
 *
 *  A cancel, a newer attempt, a limit, a deadline and the worker's shutdown all abort one signal, which the pipeline shares.
 *  Its reason decides the outcome. */
export class Attempt {
  readonly #abort = new AbortController();
  readonly #draining = new AbortController();
  readonly #startedAt = performance.now();
  readonly #progress = new Progress();
  readonly #thread: AttemptThread | null;
  readonly #interrupts: Interrupt[] = [];
  #firstTokenMs: number | null = null;
  /** output that is in the recent activity already, tokens */
  #notedTokens = 0;
  /** how much was stored when it was last noted, and since when */
  #notedSeq = 0;
  #quietSince = this.#startedAt;
  readonly #gaps: TokenGaps;
  readonly #usage: UsageCount;
  /** tokens that it may use before it must reserve more */
  #allowedTokens: number;
  /** of what earlier attempts said and this one has said again */
  #keptUsage: Usage = NO_USAGE;

  /** @param thread that it has claimed; null for a job without one */
  constructor(
    readonly ref: JobRef,
    readonly begun: Begin,
    readonly ports: AttemptPorts,
    thread: ClaimedThread | null = null,
  ) {
    const { signal } = this.#abort;
    const ofAttempt = { writer: begun.writer, progress: this.#progress, signal, draining: this.#draining.signal };
    this.#thread = thread && new AttemptThread(thread, ofAttempt);
    this.#gaps = new TokenGaps((seconds) => ports.metrics.tokenGapSeconds.observe(seconds));
    const { request } = begun;
    const promptTokens = promptTokensOf(request);
    this.#usage = new UsageCount(request.model, promptTokens);
    this.#allowedTokens = ALLOWANCE * reservedTokensOf(request, promptTokens);
  }

  /** what it has used by now, for the ledger; null when nobody knows of anything */
  get usage(): AttemptUsage | null {
    return this.#usage.usage;
  }

  /** Counts what models have said since the last call, for the console.
   *  @returns how long the attempt has run, and how long nothing of it was stored, milliseconds, as of the calls */
  note(): { readonly runningMs: number; readonly quietMs: number } {
    const { outputTokens } = this.#usage;
    const more = outputTokens - this.#notedTokens;
    if (more > 0) {
      this.ports.metrics.recent.tokens(this.info, more);
      this.#notedTokens = outputTokens;
    }
    const { storedSeq } = this.begun.writer;
    const now = performance.now();
    if (storedSeq !== this.#notedSeq) {
      this.#notedSeq = storedSeq;
      this.#quietSince = now;
    }
    return { runningMs: Math.round(now - this.#startedAt), quietMs: Math.round(now - this.#quietSince) };
  }

  get info(): AttemptInfo {
    const { attempt, request, traceparent } = this.begun;
    const { pipeline, model, delayMs = 0 } = request;
    const queueMs = Math.max(0, this.begun.queueMs - delayMs);
    return { jobId: idOf(this.ref), tenant: tenantOf(this.ref), attempt, pipeline, model, traceparent, queueMs };
  }

  /** Whether the job ends with questions to a person. */
  get interrupts(): readonly Interrupt[] {
    return this.#interrupts;
  }

  /** The worker is about to stop: an agent moves at its next checkpoint. */
  drain(stopping: WorkerStopping): void {
    this.#draining.abort(stopping);
  }

  /** Ends the attempt early. The first reason counts. */
  stop(reason: unknown): void {
    this.#abort.abort(reason);
  }

  /** Ends the attempt because its code threw where nobody could catch it: in a timer or a listener. */
  crash(error: unknown): void {
    const isAgent = this.ports.pipelines.find(this.begun.request.pipeline)?.kind === 'agent';
    this.stop(isAgent ? new AgentFailed('graph', false, error) : error);
  }

  /** @throws only unexpected errors: a bug, or a script that Redis rejects */
  async run(): Promise<AttemptResult> {
    const { writer, request } = this.begun;
    const { cancelListener, limits, logger } = this.ports;
    logger.info({ model: request.model, pipeline: request.pipeline, queueMs: this.begun.queueMs }, 'started');
    using _cancels = cancelListener.listenFor(writer);
    using deadlines = new Deadlines({ ...limits, totalMs: request.timeoutMs }, (reason) => this.stop(reason));
    writer.signal.addEventListener('abort', () => this.stop(writer.signal.reason), { once: true });
    try {
      if (this.#thread !== null) await this.#goOn(this.#thread, deadlines);
      const result = await this.#stream(deadlines);
      const done = this.#done(result);
      const completion = { output: result?.output, interrupts: this.#interrupts };
      await writer.done(done, { usage: this.usage ?? NO_USAGE, ...completion });
      return this.#ended('completed', done.timings);
    } catch (error) {
      return await this.#settle(this.#abort.signal.aborted ? this.#abort.signal.reason : error);
    } finally {
      this.#progress.end();
    }
  }

  /** Says again what the thread's head covers of this job (law 19). */
  async #goOn(thread: AttemptThread, deadlines: Deadlines): Promise<void> {
    const head = thread.ownHead;
    if (head !== null) {
      deadlines.suspend();
      let events = 0;
      try {
        for await (const page of thread.claimed.keptBy(head)) {
          for (const event of page) {
            this.#sayAgain(event);
            thread.saidAgain.add(event);
          }
          events += page.length;
          const room = this.begun.writer.drained();
          if (room !== null) await orAborted(room, this.#abort.signal);
        }
        this.ports.logger.info({ from: head.origin, events }, 'goes on');
      } catch (error) {
        // midway, the next attempt finds out before it says anything
        if (!(error instanceof LogLost) || events > 0) throw error;
        // without these words the answer would have a hole: all of it is said afresh
        await thread.rewind();
        this.ports.logger.warn({ from: head.origin }, 'starts over');
      }
      deadlines.resume();
    }
    await thread.starts();
  }

  #sayAgain(event: StreamEvent): void {
    this.#firstTokenMs ??= this.#elapsedMs();
    if (event.type === 'interrupt') this.#interrupts.push(event.data as Interrupt);
    if (event.type === 'message_end' && event.data.usage !== undefined) {
      this.#keptUsage = sum(this.#keptUsage, event.data.usage);
    }
    this.begun.writer.emit(event);
  }

  /** Publishes the pipeline's events at the pace of the slower of model and Redis. */
  async #stream(deadlines: Deadlines): Promise<PipelineResult | undefined> {
    const { writer } = this.begun;
    const { signal } = this.#abort;
    const shown = shownConversation(idOf(this.ref), this.begun.request, this.#thread);
    shown.catch(() => {
      // it is awaited below, unless the pipeline fails before
    });
    const { events, first } = await untilFirstEvent(this.#startPipeline(deadlines), this.ports.retry, {
      signal,
      onRetry: (failure) => {
        deadlines.retry();
        this.#usage.restarts();
        this.#retried(failure);
        return this.#thread?.restarts();
      },
    });
    this.#progress.taken();
    deadlines.onFirstEvent();
    // with the first words: until they are stored, nothing counts as said
    const conversation = await shown;
    if (conversation !== null) this.begun.writer.emit(conversation);
    using aborted = new UntilAborted(signal);
    try {
      let next = first;
      while (!next.done) {
        this.#publish(next.value);
        const room = writer.drained();
        if (room !== null) {
          deadlines.suspend();
          await aborted.wait(room);
          this.#gaps.pause();
        }
        deadlines.resume();
        this.#progress.waiting();
        next = await aborted.wait(events.next());
        this.#progress.taken();
      }
      return validateResult(next.value, this.begun.request.pipeline);
    } catch (error) {
      abandon(events);
      throw error;
    }
  }

  #startPipeline(deadlines: Deadlines): () => ReturnType<RunnablePipeline['run']> {
    const { request, attempt } = this.begun;
    const { pipelines, logger } = this.ports;
    const pipeline = pipelines.find(request.pipeline);
    if (pipeline === undefined) throw new PipelineMissing(request.pipeline);
    const thread = this.#thread;
    const input = {
      ...{ jobId: idOf(this.ref), attempt, messages: messagesOf(request), model: request.model },
      ...(request.instructions === undefined ? {} : { instructions: request.instructions }),
      ...modelParametersOf(request),
      ...agentParametersOf(request),
      ...(thread === null ? {} : { thread }),
    };
    const observer: ModelObserver = {
      onActivity: (activity) => {
        if (activity === 'called') this.#usage.calls();
        deadlines.onActivity(activity);
      },
      onUsage: (usage, model) => {
        this.#usage.report(usage, model);
        if (this.#usage.tokens > this.#allowedTokens) this.#reserveMore();
      },
      onCall: () => this.#usage.calls(),
      trace: AttemptTrace.current(),
    };
    return () => {
      this.#progress.waiting();
      return pipeline.run(input, { signal: this.#abort.signal, logger, observer });
    };
  }

  #publish(yielded: unknown): void {
    const { writer, request } = this.begun;
    const { metrics } = this.ports;
    const event = validateEvent(yielded, request.pipeline);
    if (isEmptyDelta(event)) return;
    if (event.type === 'interrupt') this.#interrupts.push(event.data as Interrupt);
    if (this.#firstTokenMs === null) {
      this.#firstTokenMs = this.#elapsedMs();
      metrics.firstToken(this.#durationMs() / 1_000, AttemptTrace.current()?.traceId);
      metrics.recent.firstToken(this.info, this.#firstTokenMs);
    }
    writer.emit(event);
    this.#gaps.said(event.type);
    this.#usage.said(event.type, event.data);
    if (this.#usage.tokens > this.#allowedTokens) this.#reserveMore();
    metrics.events.inc({ type: event.type });
  }

  /** Reserves what the attempt has used, or ends it. */
  #reserveMore(): void {
    const tokens = Math.ceil(this.#usage.tokens);
    // one question at a time
    this.#allowedTokens = ALLOWANCE * tokens;
    this.ports.ledger.reserve(this.ref, tokens).then(
      (mayGoOn) => {
        if (!mayGoOn) this.stop(new TokensUsedUp());
      },
      (error: unknown) => this.ports.logger.debug({ err: error }, 'tokens not reserved'),
    );
  }

  #retried({ code, message, retryAfterMs }: Failure): void {
    this.ports.metrics.retries.inc({ code });
    this.ports.logger.warn({ code, reason: message, retryAfterMs }, 'retried');
  }

  /** Ends the attempt in the log and decides its outcome. */
  async #settle(reason: unknown): Promise<AttemptResult> {
    if (reason instanceof JobClosed) return this.#lost('cancelled');
    if (reason instanceof AttemptFenced) return this.#lost('fenced');
    if (reason instanceof LogLost) return this.#ended(await giveBack(this.begun.writer, 'log-lost', this.usage));
    if (reason instanceof WorkerStopping)
      return this.#ended(await giveBack(this.begun.writer, reason.reason, this.usage));
    if (reason instanceof LogWriteFailed) throw reason;
    const { code, message, retryable } = failureOf(reason);
    if (REFUSALS.has(code)) this.#usage.refused();
    try {
      await this.begun.writer.fail({ code, message, retryable }, this.usage);
    } catch (refusal) {
      if (refusal instanceof StreamLogError) return this.#settle(refusal);
      throw refusal;
    }
    if (isPipelineError(reason)) return this.#ended('failed', { err: reason }, code);
    return this.#ended('failed', { reason: message, ...(code === 'INTERNAL' ? detailsOf(reason) : {}) }, code);
  }

  /** Somebody else has ended the job or owns it: only the usage is left to store. */
  async #lost(outcome: 'cancelled' | 'fenced'): Promise<AttemptResult> {
    const { usage } = this;
    if (usage !== null) {
      await this.begun.writer.recordUsage(usage).catch((error: unknown) => {
        this.ports.logger.warn({ err: error }, 'usage not recorded');
      });
    }
    return this.#ended(outcome);
  }

  #ended(outcome: AttemptOutcome, details: object = {}, code?: StreamErrorCode): AttemptResult {
    const { logger, metrics } = this.ports;
    const usage = this.#usage.reported;
    const durationMs = Math.round(this.#durationMs());
    logger.info({ outcome, durationMs, ...details, ...(code === undefined ? {} : { code }) }, outcome);
    metrics.countTokens(this.info, this.usage);
    if (outcome === 'failed' && code !== undefined) metrics.failed(code);
    this.note();
    return { outcome, usage, ...(code === undefined ? {} : { code }) };
  }

  /** A pipeline knows its usage better than the observer, who sees only the models that the worker created. */
  #done(result: PipelineResult | undefined): StreamEventData['done'] {
    const { queueMs } = this.begun;
    this.#usage.completed(result?.usage);
    return {
      finishReason: this.#interrupts.length > 0 ? 'interrupt' : (result?.finishReason ?? 'stop'),
      usage: sum(this.#keptUsage, result?.usage ?? this.#usage.reported),
      timings: { queueMs, firstTokenMs: this.#firstTokenMs, totalMs: this.#elapsedMs() },
    };
  }

  /** since this attempt began */
  #durationMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** since the job was accepted */
  #elapsedMs(): number {
    return Math.round(this.begun.elapsedMs + this.#durationMs());
  }
}

const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0 };

/** An attempt may use this many times what is reserved for it. */
const ALLOWANCE = 2;

/** A model that answers so at once has read nothing. */
const REFUSALS = new Set<StreamErrorCode>(['MODEL_ERROR', 'MODEL_RATE_LIMITED']);

function messagesOf({ messages, instructions }: JobRequest): readonly Message[] {
  return instructions === undefined ? messages : [{ role: 'system', content: instructions }, ...messages];
}

/** What a request has for agents alone. */
function agentParametersOf({ input, resume, config, streamModes, graphOptions, caller }: JobRequest) {
  const given = Object.entries({ input, resume, config, streamModes, graphOptions, caller });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Pick<
    PipelineInput,
    'input' | 'resume' | 'config' | 'streamModes' | 'graphOptions' | 'caller'
  >;
}

/** Details for the log. The logger drops every part of an error that may quote the prompt. */
function detailsOf(reason: unknown): object {
  return reason instanceof MalformedEvent ? { pipeline: reason.pipeline, field: reason.field } : { err: reason };
}
