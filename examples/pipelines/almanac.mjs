import { AIMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { definePipeline, streamChatModel, toLangChainMessages } from '@millrace/worker/pipelines';
import { z } from 'zod';

/** What language models are bad at: counting days. */
const daysBetween = tool(({ from, to }) => String((Date.parse(to) - Date.parse(from)) / 86_400_000), {
  name: 'days_between',
  description: 'The number of days from one date to another.',
  schema: z.object({ from: z.iso.date(), to: z.iso.date() }),
});

/** Answers questions about dates in two steps: the model asks for a calculation, then it answers with the result. */
export default definePipeline({
  name: 'almanac',
  async *run({ messages }, { chatModel, signal, logger }) {
    const model = await chatModel({ temperature: 0 });
    const conversation = toLangChainMessages(messages);

    const calls = [];
    const question = streamChatModel(model.bindTools([daysBetween]), conversation, { signal });
    let said = await question.next();
    for (; !said.done; said = await question.next()) {
      if (said.value.type === 'tool_call') calls.push(said.value.data);
      yield said.value;
    }
    const asked = said.value;
    if (calls.length === 0) return asked;

    logger.info({ tools: calls.length }, 'calculating');
    const results = [];
    for (const call of calls) {
      const result = await callTool(call, signal);
      results.push(result);
      yield { type: 'tool_result', data: result };
    }

    const exchange = [
      new AIMessage({ content: '', tool_calls: calls.map(toolCall) }),
      ...results.map(({ callId, content }) => new ToolMessage({ content, tool_call_id: callId })),
    ];
    const answered = yield* streamChatModel(model, [...conversation, ...exchange], { signal });
    return { finishReason: answered.finishReason, usage: sum(asked.usage, answered.usage) };
  },
});

/** A tool that fails is no failed job: the model is told, and answers as well as it can. */
async function callTool({ callId, name, arguments: json }, signal) {
  try {
    const content = await daysBetween.invoke(JSON.parse(json), { signal });
    return { callId, name, content, isError: false };
  } catch (error) {
    signal.throwIfAborted();
    return { callId, name, content: String(error), isError: true };
  }
}

function toolCall({ callId, name, arguments: json }) {
  try {
    return { type: 'tool_call', id: callId, name, args: JSON.parse(json) };
  } catch {
    return { type: 'tool_call', id: callId, name, args: {} }; // its result says what was wrong
  }
}

function sum(a, b) {
  return { inputTokens: a.inputTokens + b.inputTokens, outputTokens: a.outputTokens + b.outputTokens };
}
