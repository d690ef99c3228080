import * as ai7 from 'ai';
import * as ai5 from 'ai-v5';
import * as ai6 from 'ai-v6';

export type Ai = typeof ai7;
export type Message = ai7.UIMessage<{ usage?: { totalTokens: number } }>;

/** The versions of the AI SDK, all by the types of the newest. */
export const VERSIONS: readonly [name: string, ai: Ai][] = [
  ['ai 5', ai5 as unknown as Ai],
  ['ai 6', ai6 as unknown as Ai],
  ['ai 7', ai7],
];

type Init = ai7.ChatInit<Message>;

/** A chat as `useChat` has it, without React. */
export function chatOf({ AbstractChat }: Ai, { messages = [], ...init }: Init): ai7.AbstractChat<Message> {
  class Chat extends AbstractChat<Message> {
    constructor() {
      super({ ...init, state: new State(messages) });
    }
  }
  return new Chat();
}

class State implements ai7.ChatState<Message> {
  status: ai7.ChatStatus = 'ready';
  error: Error | undefined = undefined;

  constructor(public messages: Message[]) {}

  pushMessage = (message: Message): void => {
    this.messages = [...this.messages, message];
  };
  popMessage = (): void => {
    this.messages = this.messages.slice(0, -1);
  };
  replaceMessage = (index: number, message: Message): void => {
    this.messages = this.messages.with(index, structuredClone(message));
  };
  snapshot = <T>(thing: T): T => structuredClone(thing);
}

export function textOf(message: Message | undefined): string {
  return message?.parts.map((part) => (part.type === 'text' ? part.text : '')).join('') ?? '';
}

/** What a chat shows: who says what. */
export function shown(chat: ai7.AbstractChat<Message>): string[] {
  return chat.messages.map((message) => `${message.role} ${textOf(message)}`);
}

/** A fetch whose first streamed answer breaks after some chunks, as when a network is lost.
 *  @returns with the addresses that were asked */
export function breakingFetch(chunks: number): { readonly fetch: typeof fetch; readonly asked: string[] } {
  const asked: string[] = [];
  let isBroken = false;
  const breaking: typeof fetch = async (input, init) => {
    asked.push(String(input));
    const answer = await fetch(input, init);
    if (isBroken || answer.body === null) return answer;
    isBroken = true;
    return new Response(answer.body.pipeThrough(breakAfter(chunks)), answer);
  };
  return { fetch: breaking, asked };
}

function breakAfter(chunks: number): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let passed = 0;
  return new TransformStream({
    transform(bytes, controller) {
      for (const frame of decoder.decode(bytes, { stream: true }).split(/(?<=\n\n)/)) {
        if (passed === chunks) {
          controller.error(new TypeError('network error'));
          return;
        }
        passed += 1;
        controller.enqueue(encoder.encode(frame));
      }
    },
  });
}
