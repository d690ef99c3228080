export { AG_UI_FORMATS, type AgUiVersion } from './ag-ui/frames.ts';
export { type AgUiRequest, agUiRequest } from './ag-ui/request.ts';
export { aiSdkError } from './ai-sdk/errors.ts';
export { type AiSdkStream, aiSdkFormat } from './ai-sdk/frames.ts';
export { type AiSdkRequest, aiSdkRequest, threadIdOfChat } from './ai-sdk/request.ts';
export { anthropicProblem } from './anthropic/errors.ts';
export { messagesFormat } from './anthropic/frames.ts';
export { type MessagesRequest, messagesField, messagesRequest } from './anthropic/request.ts';
export { MessageCollector } from './anthropic/whole.ts';
export { closedFrame, DurableStreamFormat } from './durable-streams/frames.ts';
export { itemsJson } from './durable-streams/items.ts';
export { eventBefore, offsetAfter } from './durable-streams/offset.ts';
export { streamCursor } from './durable-streams/stream-cursor.ts';
export type { ForeignAnswer, ForeignProblem } from './foreign/foreign-problem.ts';
export { type FieldFault, RequestFault } from './foreign/request-fault.ts';
export type { AnswerCollector, WholeAnswer } from './foreign/whole-answer.ts';
export { langGraphProblem } from './langgraph/errors.ts';
export { langGraphFormat, runLocation } from './langgraph/frames.ts';
export { RUN_MODES, type RunStream, readModes } from './langgraph/modes.ts';
export { assistantOf, type RunRequest, runRequest } from './langgraph/request.ts';
export { checkpointOfMessages, type WireState, wireState, wireValues } from './langgraph/state.ts';
export {
  JOB_STATUSES,
  type RunStatus,
  runStatus,
  selected,
  type WireAssistant,
  type WireRun,
  type WireThread,
  wireAssistant,
  wireRun,
  wireSchemas,
  wireThread,
} from './langgraph/views.ts';
export { RunCollector } from './langgraph/whole.ts';
export {
  bodyOfRun,
  type Command,
  type CommandErrorCode,
  CommandRefused,
  eventsRequest,
  readCommand,
  respond,
} from './langgraph-threads/command.ts';
export { LangGraphThreadFormat, positionAfter } from './langgraph-threads/thread-format.ts';
export { NativeFormat } from './native/frames.ts';
export { NativeThreadFormat, type ThreadPosition, threadCursor } from './native/thread-frames.ts';
export { openAiProblem } from './openai/errors.ts';
export { openAiModel, pipelineModel } from './openai/model.ts';
export { COMPLETION_PREFIX, chatFormat } from './openai-chat/frames.ts';
export { type ChatRequest, chatField, chatRequest } from './openai-chat/request.ts';
export { ChatCollector } from './openai-chat/whole.ts';
export { INTERRUPT_FUNCTION, responsesFormat } from './openai-responses/frames.ts';
export { type ResponsesRequest, responsesField, responsesRequest } from './openai-responses/request.ts';
export { RESPONSE_PREFIX } from './openai-responses/response.ts';
export { ResponseCollector, unfinishedResponse } from './openai-responses/whole.ts';
export type { Projection, Step, StepContext } from './projection/projection.ts';
export { type ProjectionCursor, ProjectionFormat, type ProjectionOptions } from './projection/projection-format.ts';
export type {
  CursorKind,
  EncodableBatch,
  Encoded,
  LogPosition,
  StreamEncoder,
  StreamedJob,
  StreamFormat,
  StreamOutcome,
} from './stream-format.ts';
export { UnframableEvent } from './stream-format.ts';
export { TextFormat } from './text/frames.ts';
export type { ThreadEncoder } from './thread-format.ts';
