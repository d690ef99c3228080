export { toLangChainMessages } from './chat/messages.ts';
export { streamChatModel } from './chat/stream-chat-model.ts';
export {
  definePipeline,
  type ModelChoice,
  type Pipeline,
  type PipelineContext,
  PipelineError,
  type PipelineEvent,
  type PipelineInput,
  type PipelineResult,
  type PipelineThread,
} from './definition/pipeline.ts';
