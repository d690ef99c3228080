export { toLangChainMessages } from './messages.ts';
export {
  definePipeline,
  type ModelChoice,
  type Pipeline,
  type PipelineContext,
  PipelineError,
  type PipelineEvent,
  type PipelineInput,
  type PipelineResult,
} from './pipeline.ts';
export { streamChatModel } from './stream-chat-model.ts';
