import { definePipeline, type Pipeline } from '../pipeline.ts';
import { toLangChainMessages } from './messages.ts';
import { streamChatModel } from './stream-chat-model.ts';

/** The built-in pipeline: the conversation goes to the model, the model's answer is the answer.
 *  @param systemPrompt put before a conversation that brings no system message of its own; '' for none */
export function chatPipeline(systemPrompt: string): Pipeline {
  return definePipeline({
    name: 'chat',
    run({ messages }, { chatModel, signal }) {
      const needsPrompt = systemPrompt !== '' && !messages.some(({ role }) => role === 'system');
      const conversation = needsPrompt ? [{ role: 'system' as const, content: systemPrompt }, ...messages] : messages;
      return streamChatModel(chatModel(), toLangChainMessages(conversation), { signal });
    },
  });
}
