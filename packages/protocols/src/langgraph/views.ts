import {
  BUILT_IN_PIPELINE,
  type JobStatus,
  type JobView,
  type PipelineInfo,
  type ThreadView,
} from '@millrace/contracts';
import { type WireInterrupt, wireInterrupt } from './state.ts';

type Fields = Readonly<Record<string, unknown>>;

export type RunStatus = 'pending' | 'running' | 'error' | 'success' | 'timeout' | 'interrupted';

/** A job as LangGraph's server shows a run. */
export interface WireRun {
  readonly run_id: string;
  readonly thread_id: string;
  readonly assistant_id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly status: RunStatus;
  readonly metadata: Readonly<Record<string, string>>;
  /** not known of a job that was made: null */
  readonly multitask_strategy: string | null;
}

/** A thread as LangGraph's server shows it. */
export interface WireThread {
  readonly thread_id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly state_updated_at: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: ThreadView['status'];
  readonly config: object;
  /** null: they were not asked for */
  readonly values: Fields | null;
  /** by the task that asks: here the question's own id */
  readonly interrupts: Readonly<Record<string, readonly WireInterrupt[]>>;
  readonly error: null;
}

/** A pipeline or an agent as LangGraph's server shows an assistant. */
export interface WireAssistant {
  readonly assistant_id: string;
  readonly graph_id: string;
  readonly name: string;
  readonly description: string | null;
  readonly config: object;
  readonly context: object;
  readonly metadata: object;
  readonly version: 1;
  readonly created_at: string;
  readonly updated_at: string;
}

/** What a filter for runs may ask for, and the status that our jobs have then. `timeout` is a failure, `interrupted` a
 *  cancelled job or a completed one with questions. */
export const JOB_STATUSES: Readonly<Record<RunStatus, readonly JobStatus[]>> = {
  pending: ['queued'],
  running: ['active'],
  success: ['completed'],
  error: ['failed'],
  timeout: ['failed'],
  interrupted: ['cancelled', 'completed'],
};

type ShownJob = Pick<
  JobView,
  | 'id'
  | 'status'
  | 'threadId'
  | 'pipeline'
  | 'createdAt'
  | 'startedAt'
  | 'finishedAt'
  | 'metadata'
  | 'error'
  | 'interrupts'
>;

/** A run without a thread is in one of its own name. */
export function wireRun(job: ShownJob, multitaskStrategy: string | null = null): WireRun {
  const { id, threadId, pipeline, createdAt, startedAt, finishedAt, metadata } = job;
  return {
    ...{ run_id: id, thread_id: threadId ?? id, assistant_id: pipeline, created_at: createdAt },
    updated_at: finishedAt ?? startedAt ?? createdAt,
    ...{ status: runStatus(job), metadata, multitask_strategy: multitaskStrategy },
  };
}

export function runStatus({ status, error, interrupts }: Pick<ShownJob, 'status' | 'error' | 'interrupts'>): RunStatus {
  switch (status) {
    case 'queued':
      return 'pending';
    case 'active':
      return 'running';
    case 'failed':
      return error?.code === 'TIMEOUT' ? 'timeout' : 'error';
    case 'cancelled':
      return 'interrupted';
    case 'completed':
      return (interrupts ?? []).length > 0 ? 'interrupted' : 'success';
  }
}

/** @param values of its state, in the form of the wire; null: not asked for */
export function wireThread(thread: ThreadView, values: Fields | null): WireThread {
  const { id, createdAt, updatedAt, metadata, status, interrupts } = thread;
  return {
    ...{ thread_id: id, created_at: createdAt, updated_at: updatedAt, state_updated_at: updatedAt },
    ...{ metadata, status, config: {}, values },
    interrupts: Object.fromEntries(interrupts.map((each) => [each.interruptId, [wireInterrupt(each)]])),
    error: null,
  };
}

/** Nobody has made a pipeline at a time that is known. */
const NO_TIME = '1970-01-01T00:00:00.000Z';

/** Its id is its name, and so is that of its graph. */
export function wireAssistant({ name, description }: Pick<PipelineInfo, 'name' | 'description'>): WireAssistant {
  return {
    ...{ assistant_id: name, graph_id: name, name, description: description ?? null },
    ...{ config: {}, context: {}, metadata: { created_by: 'system' }, version: 1 },
    ...{ created_at: NO_TIME, updated_at: NO_TIME },
  };
}

const MESSAGES_SCHEMA = {
  type: 'object',
  properties: { messages: { type: 'array', items: { type: 'object' } } },
  required: ['messages'],
};

/** What is known of what an assistant takes; null: it does not say. */
export function wireSchemas({ name, kind, inputSchema, configSchema }: PipelineInfo) {
  const takesMessages = name === BUILT_IN_PIPELINE || kind === 'pipeline';
  return {
    graph_id: name,
    input_schema: inputSchema ?? (takesMessages ? MESSAGES_SCHEMA : null),
    output_schema: null,
    state_schema: null,
    config_schema: configSchema ?? null,
    context_schema: null,
  };
}

/** The fields that a client wants; all, unless it says. */
export function selected<T extends object>(view: T, select: readonly string[] | null | undefined): Partial<T> {
  if (!select || select.length === 0) return view;
  return Object.fromEntries(Object.entries(view).filter(([name]) => select.includes(name))) as Partial<T>;
}
