import { BUILT_IN_PIPELINE, outputParametersOf, partsOfModel } from '@millrace/contracts';
import { definePipeline, type Pipeline } from '../definition/pipeline.ts';
import { toLangChainMessages } from './messages.ts';
import { streamChatModel } from './stream-chat-model.ts';

/** The built-in pipeline: sends the conversation to the model and streams its answer.
 *  @param systemPrompt added to conversations without a system message; '' for none */
export function chatPipeline(systemPrompt: string): Pipeline {
  return definePipeline({
    name: BUILT_IN_PIPELINE,
    run(input, { chatModel, signal }) {
      const { messages, model } = input;
      const hasPrompt = messages.some(({ role }) => role === 'system' || role === 'developer');
      const needsPrompt = systemPrompt !== '' && !hasPrompt;
      const conversation = needsPrompt ? [{ role: 'system' as const, content: systemPrompt }, ...messages] : messages;
      return streamChatModel(chatModel(), toLangChainMessages(conversation, partsOfModel(model)), {
        ...outputParametersOf(input),
        signal,
      });
    },
  });
}
