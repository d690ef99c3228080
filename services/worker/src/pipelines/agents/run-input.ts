import type { ContentPart, Message } from '@millrace/contracts';
import { dataBlock, openAiBlock } from '../chat/media-blocks.ts';
import { linked } from '../chat/messages.ts';
import { PipelineError, type PipelineInput } from '../definition/pipeline.ts';
import { type GraphState, interruptIdOf } from './project/graph.ts';

/** What a graph gets to work on.
 *  @param stateNow reads the state of the thread
 *  @throws PipelineError the answer does not say which question it answers */
export async function inputOf(input: PipelineInput, stateNow: () => Promise<GraphState>): Promise<unknown> {
  if (input.resume !== undefined) return resumption(input.resume, await stateNow());
  return input.input ?? { messages: linked(input.messages).map(plainMessage) };
}

/** LangGraph's command to go on with an answer, in the form that its own check accepts: any copy of it understands this object. */
class ResumeCommand {
  readonly lg_name = 'Command';
  readonly lc_direct_tool_output = true;
  readonly goto: readonly never[] = [];
  readonly graph = undefined;
  readonly update = undefined;

  constructor(readonly resume: unknown) {}
}

function resumption(answer: unknown, { tasks = [] }: GraphState): unknown {
  const questions = tasks.flatMap(({ interrupts = [] }) => interrupts);
  // a breakpoint asks nothing
  if (questions.length === 0) return null;
  const ids = questions.map(interruptIdOf);
  const named = typeof answer === 'object' && answer !== null ? Object.keys(answer) : [];
  const isByName = named.length > 0 && named.every((name) => ids.includes(name));
  const [only = ''] = ids;
  if (questions.length === 1) return resumptionOf(only, isByName ? Reflect.get(answer as object, only) : answer);
  if (isByName) return new ResumeCommand(answer);
  throw new PipelineError(
    'AGENT_ERROR',
    `The thread waits for ${questions.length} answers: give "resume" as {interruptId: value}.`,
  );
}

/** LangGraph takes a bare `null` for no answer, and one by the name of its question for what it is. */
function resumptionOf(id: string, answer: unknown): ResumeCommand {
  return new ResumeCommand(answer === null && NAME_OF_QUESTION.test(id) ? { [id]: null } : answer);
}

/** Versions whose questions have other names know no answers by name. */
const NAME_OF_QUESTION = /^[0-9a-f]{32}$/;

/** A message in the plain form that every version of LangChain turns into its own. */
function plainMessage({ role, content, name, toolCalls, toolCallId }: Message): object {
  return {
    // old versions know no developers
    role: role === 'developer' ? 'system' : role,
    content: typeof content === 'string' ? content : content.map(block),
    ...(name === undefined ? {} : { name }),
    ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
    ...(toolCalls === undefined
      ? {}
      : {
          tool_calls: toolCalls.map(({ callId: id, name: tool, arguments: json }) => ({
            id,
            name: tool,
            args: JSON.parse(json),
            type: 'tool_call',
          })),
        }),
  };
}

/** Images in OpenAI's form, which the packages of all providers take; the rest in LangChain's. */
function block(part: ContentPart): object {
  if (part.type === 'text') return part;
  return part.type === 'image' ? openAiBlock(part) : dataBlock(part);
}
