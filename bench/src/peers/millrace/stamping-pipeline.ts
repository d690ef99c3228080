/** The pipeline `chat`, with each token replaced by the time at which the worker had it: what a reader then measures is
 *  Millrace's own delay, without the model's. Loaded by the worker (`MILLRACE_PIPELINES`). */
import { monotonicMicros, stampedToken } from '@millrace/simulated-model/paced';
import { definePipeline, streamChatModel, toLangChainMessages } from '@millrace/worker/pipelines';

export default definePipeline({
  name: 'stamping',
  async *run({ messages }, { chatModel, signal }) {
    const said = streamChatModel(await chatModel(), toLangChainMessages(messages), { signal });
    for (let next = await said.next(); ; next = await said.next()) {
      if (next.done === true) return next.value;
      yield next.value.type === 'text' ? { type: 'text', data: { text: stampedToken(monotonicMicros()) } } : next.value;
    }
  },
});
