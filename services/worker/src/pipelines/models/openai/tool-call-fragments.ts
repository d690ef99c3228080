import type { OpenAIClient } from '@langchain/openai';
import { isFields } from './fields.ts';
import { JsonText } from './json-text.ts';

export type Fragment = OpenAIClient.Chat.Completions.ChatCompletionChunk.Choice.Delta.ToolCall;

interface Call {
  readonly index: number;
  /** the server's own index of the first fragment */
  readonly serverIndex: unknown;
  id: string;
  name: string;
  readonly arguments: JsonText;
}

/** Normalises the fragments of tool calls. Servers give two calls the same index, or none, an id with each fragment, or
 *  none, and arguments as an object. The result has one index per call, id and name once, and arguments as text. */
export class ToolCallFragments {
  readonly #calls: Call[] = [];
  /** by the server's own index: the current call */
  readonly #byIndex = new Map<unknown, Call>();
  /** by id: the first call */
  readonly #byId = new Map<string, Call>();

  get any(): boolean {
    return this.#calls.length > 0;
  }

  /** @param given a fragment, in any server's form
   *  @returns null when it is empty */
  read(given: unknown): Fragment | null {
    if (!isFields(given)) return null;
    const called = isFields(given['function']) ? given['function'] : given;
    const id = textOf(given['id']);
    const name = textOf(called['name']);
    const args = argumentsIn(called['arguments'] ?? called['input'] ?? called['parameters']);
    if (id === '' && name === '' && args === '') return null;
    const call = this.#callOf(given['index'], id, name);
    const isFirst = call.name === '' && name !== '';
    const fragment = {
      index: call.index,
      ...(call.id === '' && id !== '' ? { id } : {}),
      ...(isFirst || given['type'] !== undefined ? { type: 'function' as const } : {}),
      function: { ...(isFirst ? { name } : {}), arguments: args },
    };
    if (call.id === '' && id !== '') {
      call.id = id;
      if (!this.#byId.has(id)) this.#byId.set(id, call);
    }
    if (isFirst) call.name = name;
    call.arguments.add(args);
    return fragment;
  }

  #callOf(index: unknown, id: string, name: string): Call {
    const hasIndex = index !== undefined && index !== null;
    const last = hasIndex ? this.#byIndex.get(index) : this.#calls.at(-1);
    const call = this.#knownBy(id, last, { index, name }) ?? continuedCall(last, id, name) ?? this.#begin(index);
    if (hasIndex) this.#byIndex.set(index, call);
    return call;
  }

  /** The call with an id. Some servers give two calls the same id: a name under another index, after complete arguments,
   *  starts a new call. */
  #knownBy(id: string, last: Call | undefined, { index, name }: { index: unknown; name: string }): Call | undefined {
    if (id === '') return undefined;
    if (last?.id === id) return last;
    const known = this.#byId.get(id);
    const isOther = known !== undefined && name !== '' && index !== known.serverIndex && known.arguments.isWhole();
    return isOther ? undefined : known;
  }

  #begin(serverIndex: unknown): Call {
    const call = { index: this.#calls.length, serverIndex, id: '', name: '', arguments: new JsonText() };
    this.#calls.push(call);
    return call;
  }
}

/** The last call, when a fragment without a known id belongs to it. */
function continuedCall(last: Call | undefined, id: string, name: string): Call | undefined {
  if (last === undefined) return undefined;
  const isSameName = name === '' || last.name === '' || name === last.name;
  if (id !== '' && last.id !== '') {
    // some servers send a new id with each fragment: it continues incomplete arguments, otherwise it starts a call
    const isIncomplete = !last.arguments.isWhole() && (name === '' || !last.arguments.isEmpty);
    return isSameName && isIncomplete ? last : undefined;
  }
  // a name after complete arguments, or another name, starts a new call
  return isSameName && (name === '' || last.name === '' || !last.arguments.isWhole()) ? last : undefined;
}

/** Arguments as text. An empty object adds nothing: it precedes the arguments (Anthropic), or is all of them. */
function argumentsIn(given: unknown): string {
  if (typeof given === 'string') return given;
  if (typeof given !== 'object' || given === null || Object.keys(given).length === 0) return '';
  return JSON.stringify(given);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
