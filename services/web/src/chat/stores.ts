import type { Millrace } from '@millrace/client';
import {
  type Answer,
  answerAfter,
  type ContentPart,
  type Job,
  MillraceError,
  type NewJob,
  NO_ANSWER,
  newRequestId,
  type ThreadMessage,
} from '@millrace/client';
import type {
  AssistantMessage,
  ConversationMessage,
  ConversationProblem,
  ConversationSnapshot,
  ConversationStore,
  JobOptions,
  ThreadListSnapshot,
  ThreadListStore,
  UserMessage,
} from '@millrace/client/conversation';
import { millrace } from './service.ts';

class Held<T> {
  private readonly listeners = new Set<() => void>();
  private frame = 0;
  constructor(private value: T) {}
  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };
  readonly getSnapshot = () => this.value;
  set(change: Partial<T>) {
    this.value = { ...this.value, ...change };
    if (this.frame !== 0) return;
    this.frame = setTimeout(() => {
      this.frame = 0;
      for (const listener of this.listeners) listener();
    }, 16);
  }
}

function problemOf(error: unknown): ConversationProblem {
  const known = error instanceof MillraceError ? error : null;
  return {
    code: known?.code ?? 'INTERNAL',
    message: known?.message ?? String(error),
    requestId: known?.requestId ?? null,
    remedy: known?.retryable ? 'retry' : 'none',
    retryAfterMs: known?.retryAfterMs ?? null,
    fields: [],
  };
}

function assistant(jobId: string, answer: Answer, problem: ConversationProblem | null = null): AssistantMessage {
  const { timings, usage } = answer;
  const streamMs = timings?.firstTokenMs == null ? 0 : timings.totalMs - timings.firstTokenMs;
  return {
    role: 'assistant',
    id: jobId,
    jobId,
    status: answer.status,
    parts: answer.messages.flatMap(({ parts }) => parts),
    steps: answer.messages,
    output: null,
    states: answer.states,
    questions: answer.questions as never,
    attempt: answer.attempt,
    restarts: answer.restarts,
    model: answer.model,
    pipeline: null,
    queuePosition: null,
    createdAt: null,
    finishReason: answer.finishReason,
    usage,
    timings: timings && {
      ...timings,
      tokensPerSecond: usage && streamMs > 0 ? (usage.outputTokens * 1000) / streamMs : null,
    },
    problem:
      problem ??
      (answer.error && {
        code: answer.error.code,
        message: answer.error.message,
        requestId: jobId,
        remedy: answer.error.retryable ? 'retry' : 'none',
        retryAfterMs: null,
        fields: [],
      }),
    cancelledBy: answer.cancelledBy,
  };
}

class Conversation extends Held<ConversationSnapshot> implements ConversationStore {
  constructor(
    id: string | null,
    private readonly service: Millrace,
  ) {
    super({
      threadId: id ?? newRequestId(),
      state: id === null ? 'new' : 'loading',
      title: null,
      metadata: {},
      messages: [],
      activity: 'idle',
      questions: [],
      connection: { state: 'idle' },
      problem: null,
    });
    if (id !== null) void this.reload();
  }
  private get thread() {
    return this.service.threads.resume(this.getSnapshot().threadId);
  }
  private put(message: ConversationMessage) {
    const { messages } = this.getSnapshot();
    const at = messages.findIndex(({ id }) => id === message.id);
    this.set({ messages: at < 0 ? [...messages, message] : messages.with(at, message) });
  }
  async reload() {
    try {
      const [view, { items }] = await Promise.all([this.thread.get(), this.thread.messages({ limit: 100 })]);
      const messages: ConversationMessage[] = [];
      items.forEach((message: ThreadMessage, index) => {
        const parts =
          typeof message.content === 'string' ? [{ type: 'text', text: message.content } as const] : message.content;
        const id = message.messageId ?? String(index);
        if (message.role === 'user') {
          messages.push({
            role: 'user',
            id,
            messageId: message.messageId ?? null,
            jobId: message.jobId,
            parts,
            state: 'sent',
            problem: null,
          });
        } else if (message.role === 'assistant' && message.jobId !== view.activeJob) {
          const text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
          messages.push({
            ...assistant(message.jobId ?? id, { ...NO_ANSWER, status: 'completed' }),
            parts: [{ type: 'text', text }],
          });
        }
      });
      this.set({
        state: 'ready',
        title: view.metadata['title'] ?? null,
        metadata: view.metadata,
        messages,
        questions: view.interrupts,
      });
      if (view.activeJob !== null) void this.follow(this.service.jobs.resume(view.activeJob, this.options()));
    } catch (error) {
      const isGone = error instanceof MillraceError && error.code === 'THREAD_NOT_FOUND';
      this.set({ state: isGone ? 'gone' : 'failed', problem: isGone ? null : problemOf(error) });
    }
  }
  private options() {
    return {
      onReconnect: ({ delayMs }: { delayMs: number }) => {
        const { connection } = this.getSnapshot();
        const since = connection.state === 'reconnecting' ? connection.since : Date.now();
        this.set({ connection: { state: 'reconnecting', since, nextTryAt: Date.now() + delayMs } });
      },
      onOpen: () => this.set({ connection: { state: 'connected' } }),
    };
  }
  private async follow(job: Job) {
    let answer: Answer = NO_ANSWER;
    this.set({ activity: 'queued', questions: [] });
    try {
      for await (const event of job) {
        answer = answerAfter(answer, event);
        this.put(assistant(job.id, answer));
        if (answer.status === 'active') this.set({ activity: 'running' });
      }
    } catch (error) {
      this.put(assistant(job.id, answer, problemOf(error)));
    }
    this.set({ activity: 'idle', questions: answer.questions as never });
  }
  private async post(body: NewJob, message: UserMessage | null) {
    this.set({ activity: 'sending', problem: null });
    try {
      const job = await this.thread.send(body, this.options());
      if (message) this.put({ ...message, state: 'sent', jobId: job.id });
      this.set({ state: 'ready' });
      void this.follow(job);
      return true;
    } catch (error) {
      if (message) this.put({ ...message, state: 'refused', problem: problemOf(error) });
      else this.set({ problem: problemOf(error) });
      this.set({ activity: 'idle' });
      return false;
    }
  }
  send(content: string | readonly ContentPart[], options: JobOptions = {}) {
    const parts = typeof content === 'string' ? [{ type: 'text', text: content } as const] : content;
    const message: UserMessage = {
      role: 'user',
      id: newRequestId(),
      messageId: null,
      jobId: null,
      parts,
      state: 'sending',
      problem: null,
    };
    this.put(message);
    return this.post({ ...options, messages: [{ role: 'user', content }] }, message);
  }
  start(input: Readonly<Record<string, unknown>>, options: JobOptions = {}) {
    return this.post({ ...options, input }, null);
  }
  resume(value: unknown, options: JobOptions = {}) {
    return this.post({ ...options, resume: value }, null);
  }
  async stop() {
    const last = this.getSnapshot().messages.at(-1);
    if (!last?.jobId) return false;
    await this.service.jobs.resume(last.jobId).cancel();
    return true;
  }
  async retry(id: string, options: JobOptions = {}) {
    const { messages } = this.getSnapshot();
    const at = messages.findIndex((message) => message.id === id);
    const message = messages[at];
    if (message === undefined) return false;
    if (message.role !== 'assistant') return this.again(message, options);
    const asked = messages.slice(0, at).findLast((one) => one.role === 'user');
    return asked === undefined ? false : this.edit(asked.id, (asked as UserMessage).parts, options);
  }
  private again(message: UserMessage, options: JobOptions) {
    this.put({ ...message, state: 'sending', problem: null });
    return this.post({ ...options, messages: [{ role: 'user', content: message.parts }] }, message);
  }
  async edit(id: string, content: string | readonly ContentPart[], options: JobOptions = {}) {
    const { messages } = this.getSnapshot();
    const at = messages.findIndex((message) => message.id === id);
    const jobId = messages[at]?.jobId;
    if (jobId == null) return false;
    try {
      const { id: threadId } = await this.thread.fork({ before: { jobId } });
      this.set({ threadId, title: null, messages: messages.slice(0, at), questions: [] });
      return await this.send(content, options);
    } catch (error) {
      this.set({ problem: problemOf(error) });
      return false;
    }
  }
  async fork(id: string) {
    const jobId = this.getSnapshot().messages.find((message) => message.id === id)?.jobId;
    try {
      return (await this.thread.fork(jobId == null ? {} : { after: { jobId } })).id;
    } catch (error) {
      this.set({ problem: problemOf(error) });
      return null;
    }
  }
  async rename(title: string) {
    await this.service.threads.create({ id: this.getSnapshot().threadId, metadata: { title } });
    this.set({ title });
    return true;
  }
  async erase() {
    await this.thread.erase();
    return true;
  }
  dismiss() {
    this.set({ problem: null });
  }
}

class Threads extends Held<ThreadListSnapshot> implements ThreadListStore {
  constructor() {
    super({ state: 'loading', threads: [], hasMore: false, isLoadingMore: false, search: null, problem: null });
    void this.refresh();
  }
  async refresh() {
    try {
      const { items, nextCursor } = await millrace.threads.list({
        limit: 50,
        ...(this.getSnapshot().search !== null && { search: this.getSnapshot().search ?? '' }),
      });
      this.set({ state: 'ready', threads: items, hasMore: nextCursor !== null });
    } catch (error) {
      this.set({ state: 'failed', problem: problemOf(error) });
    }
  }
  async loadMore() {}
  async search(search: string | null) {
    this.set({ search });
    await this.refresh();
  }
  async rename(id: string, title: string) {
    await millrace.threads.create({ id, metadata: { title } });
    await this.refresh();
    return true;
  }
  async erase(id: string) {
    await millrace.threads.resume(id).erase();
    await this.refresh();
    return true;
  }
}

export function openConversation(id: string | null, service = millrace): ConversationStore {
  return new Conversation(id, service);
}
export function newThreadList(): ThreadListStore {
  return new Threads();
}
