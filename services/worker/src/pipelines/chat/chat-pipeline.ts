import { BUILT_IN_PIPELINE, type Message, outputParametersOf, partsOfModel } from '@millrace/contracts';
import { definePipeline, type Pipeline, type PipelineInput } from '../definition/pipeline.ts';
import { conversationOf } from './conversation.ts';
import { toLangChainMessages } from './messages.ts';
import { streamChatModel } from './stream-chat-model.ts';

/** The built-in pipeline: sends the conversation to the model and streams its answer. In a thread the conversation begins with
 *  what the thread remembers.
 *  @param systemPrompt added to conversations without a system message; '' for none */
export function chatPipeline(systemPrompt: string): Pipeline {
  return definePipeline({
    name: BUILT_IN_PIPELINE,
    run(input, { chatModel, signal }) {
      const { messages, thread } = input;
      const toModel = (conversation: readonly Message[]) =>
        toLangChainMessages(withPrompt(conversation, systemPrompt), partsOfModel(input.model));
      const conversation =
        thread === undefined
          ? toModel(messages)
          : thread.messages().then((remembered) => toModel(inThread(remembered, input)));
      return streamChatModel(chatModel(), conversation, { ...outputParametersOf(input), signal });
    },
  });
}

/** Instructions come first, and are not remembered. */
function inThread(remembered: readonly Message[], { messages, instructions }: PipelineInput): readonly Message[] {
  if (instructions === undefined) return conversationOf(remembered, messages);
  return [...messages.slice(0, 1), ...conversationOf(remembered, messages.slice(1))];
}

function withPrompt(conversation: readonly Message[], systemPrompt: string): readonly Message[] {
  const hasPrompt = conversation.some(({ role }) => role === 'system' || role === 'developer');
  return systemPrompt === '' || hasPrompt ? conversation : [{ role: 'system', content: systemPrompt }, ...conversation];
}
