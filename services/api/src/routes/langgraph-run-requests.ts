import {
  BUILT_IN_PIPELINE,
  type CreateJobBody,
  type JobRequest,
  type StateMode,
  type ThreadView,
} from '@millrace/contracts';
import { assistantOf, type RunRequest, runRequest } from '@millrace/protocols';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import { InvalidRequest, ThreadBusy, ThreadNotFound, UnknownPipeline } from '../http/problem.ts';
import type { RequestExtras } from '../jobs/create-job.ts';
import { Pipelines } from '../jobs/pipelines/pipelines.ts';
import { CreateThread } from '../threads/create-thread.ts';
import { GetThread } from '../threads/get-thread.ts';
import type { ForeignRequest } from './foreign-jobs.ts';
import { LangGraphStates } from './langgraph-states.ts';

/** The longest id of a client's message that its thread keeps. */
const MAX_ID_CHARS = 256;

type Messages = NonNullable<CreateJobBody['messages']>;
/** A message with the id that its thread keeps. */
type NamedMessage = Messages[number] & { readonly messageId?: string };

/** A run that a client asks for. */
export interface AskedRun {
  readonly request: RunRequest;
  readonly foreign: ForeignRequest;
}

export interface RunSource {
  readonly body: unknown;
  /** of the URL; null: a run without a thread */
  readonly threadId: string | null;
  readonly caller: Caller;
  readonly reply: FastifyReply;
  /** whether the answer is the state alone */
  readonly needsValues: boolean;
}

/** Turns requests for runs into jobs, with what their threads know. */
@Injectable()
export class LangGraphRunRequests {
  constructor(
    @Inject(Pipelines) private readonly pipelines: Pipelines,
    @Inject(GetThread) private readonly getThread: GetThread,
    @Inject(CreateThread) private readonly createThread: CreateThread,
    @Inject(LangGraphStates) private readonly states: LangGraphStates,
  ) {}

  /** @throws RequestFault, UnknownPipeline
   *  @throws ThreadNotFound there is none, and the client did not say that it is to be made */
  async of({ body, threadId, caller, reply, needsValues }: RunSource): Promise<AskedRun> {
    const name = assistantOf(body);
    const isAgent = (await this.#pipeline(name)).kind === 'agent';
    const known = threadId === null ? null : await this.#find(threadId, caller);
    const isAtBreakpoint = known?.interrupts.some(isBreakpoint) ?? false;
    const request = runRequest(body, { threadId, isAgent, isAtBreakpoint, needsValues });
    const thread = threadId === null ? null : await this.#thread({ threadId, known, request, caller });
    const place = { request, thread, caller, reply };
    await this.#checkPlace(place);
    const { job, fieldOf } = request;
    const { graphOptions } = request;
    const ofAgent = graphOptions === null ? undefined : { graphOptions };
    const extras = isAgent ? ofAgent : await this.#extras(place, needsValues);
    // the same request is the same, whatever its thread has become since
    return { request, foreign: { caller, body: job, extras, identity: { ...job, ...ofAgent }, fieldOf } };
  }

  async #pipeline(name: string): Promise<{ readonly kind: 'pipeline' | 'agent' }> {
    if (name === BUILT_IN_PIPELINE) return { kind: 'pipeline' };
    const pipeline = await this.pipelines.find(name);
    if (pipeline === null) throw new UnknownPipeline([...(await this.pipelines.known()).keys()]);
    return pipeline;
  }

  /** The thread of a run. Its metadata says which graph ran in it, as clients search for it.
   *  @returns null: the job makes it */
  async #thread({ threadId, known: thread, request, caller }: NamedPlace): Promise<ThreadView | null> {
    const { job, makesThread } = request;
    const { pipeline = BUILT_IN_PIPELINE } = job;
    const metadata = { graph_id: pipeline, assistant_id: pipeline };
    // an answer is to a thread that is there
    if (thread === null && (!makesThread || job.resume !== undefined)) throw new ThreadNotFound();
    // a token for certain threads makes none, and changes none of them but by its jobs
    if (caller.scope !== null || thread?.metadata['graph_id'] === pipeline) return thread;
    try {
      const { thread: known } = await this.createThread.run({ id: threadId, metadata }, caller);
      return known;
    } catch (error) {
      // there is no room for more metadata: searching by it is all that is lost
      if (!(error instanceof InvalidRequest)) throw error;
      return thread;
    }
  }

  async #find(threadId: string, caller: Caller): Promise<ThreadView | null> {
    try {
      return await this.getThread.run({ threadId, caller, tenant: caller.tenant });
    } catch (error) {
      if (error instanceof ThreadNotFound) return null;
      throw error;
    }
  }

  /** A run goes on from where its thread stands.
   *  @throws InvalidRequest it is to go on from somewhere else */
  async #checkPlace({ request, thread, caller, reply }: Place): Promise<void> {
    const { checkpointId } = request;
    if (checkpointId === null) return;
    const now = thread === null ? null : await this.states.state({ threadId: thread.id, caller, reply });
    if (now?.checkpoint?.checkpoint_id === checkpointId) return;
    const detail = 'is not where the thread stands: copy the thread to go on from an earlier state';
    throw new InvalidRequest('See errors.', [{ pointer: '/checkpoint_id', detail }]);
  }

  /** The messages keep the ids that the client gave them. Those that the thread has are not added again, but replaced, as by
   *  LangGraph's own reducer. */
  async #extras(place: Place, needsValues: boolean): Promise<RequestExtras> {
    const { request, thread } = place;
    const { job, messageIds, stream } = request;
    const { messages = [] } = job;
    const named = messages.map((message, index): NamedMessage => {
      const id = messageIds[index];
      return id && id.length <= MAX_ID_CHARS ? { ...message, messageId: id } : message;
    });
    const modes = stream.modes.has('values') || stream.modes.has('updates') || needsValues;
    const streamModes: StateMode[] = modes ? ['values'] : [];
    const ids = new Set(named.flatMap(({ messageId }) => messageId ?? []));
    const kept = thread === null || ids.size === 0 ? [] : await this.#messagesOf(place);
    const areKnown = kept.some(({ messageId }) => messageId !== undefined && ids.has(messageId));
    if (!areKnown) return { streamModes, messages: named };
    if (thread !== null && thread.activeJob !== null) {
      const isSame = kept.every((each) => !named.some((message) => isChanged(each, message)));
      const added = named.filter(({ messageId }) => !kept.some((each) => each.messageId === messageId));
      // what a running answer says would be lost
      if (!isSame || added.length === 0) throw new ThreadBusy();
      return { streamModes, messages: added };
    }
    return { streamModes, messages: merged(kept, named), conversation: 'whole' };
  }

  async #messagesOf({ thread, caller, reply }: Place): Promise<readonly NamedMessage[]> {
    if (thread === null) return [];
    return this.states.messages({ threadId: thread.id, caller, reply });
  }
}

interface NamedPlace {
  readonly threadId: string;
  /** as it was found; null: it was not there */
  readonly known: ThreadView | null;
  readonly request: RunRequest;
  readonly caller: Caller;
}

interface Place {
  readonly request: RunRequest;
  readonly thread: ThreadView | null;
  readonly caller: Caller;
  readonly reply: FastifyReply;
}

/** A stop that was asked for, not a question that a node asks. */
function isBreakpoint({ interruptId }: { readonly interruptId: string }): boolean {
  return interruptId.startsWith('breakpoint-');
}

function isChanged(kept: NamedMessage, given: NamedMessage): boolean {
  return kept.messageId === given.messageId && JSON.stringify(kept.content) !== JSON.stringify(given.content);
}

function merged(kept: readonly NamedMessage[], given: readonly NamedMessage[]): JobRequest['messages'] {
  const places = new Map(kept.map(({ messageId }, index) => [messageId, index]));
  const messages = [...kept];
  for (const message of given) {
    const place = message.messageId === undefined ? undefined : places.get(message.messageId);
    if (place === undefined) messages.push(message);
    else messages[place] = message;
  }
  return messages;
}
