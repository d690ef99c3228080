import type { OpenAIClient } from '@langchain/openai';
import { isFields } from './fields.ts';

export type Fragment = OpenAIClient.Chat.Completions.ChatCompletionChunk.Choice.Delta.ToolCall;

interface Call {
  readonly index: number;
  id: string;
  name: string;
  arguments: string;
}

/** Puts the fragments of tool calls in order. Servers give two calls one index, no index, an id with each fragment or none,
 *  arguments as an object. What comes out has one index a call, its id and name once, and arguments as text. */
export class ToolCallFragments {
  readonly #calls: Call[] = [];
  /** by the server's own index, the call that it stands for now */
  readonly #byIndex = new Map<unknown, Call>();

  get any(): boolean {
    return this.#calls.length > 0;
  }

  /** @param given a fragment, or what a server sends for one
   *  @returns null where it says nothing */
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
    if (call.id === '') call.id = id;
    if (isFirst) call.name = name;
    call.arguments += args;
    return fragment;
  }

  #callOf(index: unknown, id: string, name: string): Call {
    const known = id === '' ? undefined : this.#calls.find((call) => call.id === id);
    const call = known ?? this.#goesOn(index, id, name) ?? this.#begin();
    if (index !== undefined) this.#byIndex.set(index, call);
    return call;
  }

  /** The call that a fragment without a known id belongs to. */
  #goesOn(index: unknown, id: string, name: string): Call | undefined {
    const call = index === undefined || index === null ? this.#calls.at(-1) : this.#byIndex.get(index);
    if (call === undefined) return undefined;
    // some servers make up an id for each fragment; only what has a name is another call
    if (id !== '' && call.id !== '' && (name !== '' || index === undefined || index === null)) return undefined;
    // a name beside whole arguments is another call's
    return name !== '' && call.name !== '' && isJson(call.arguments) ? undefined : call;
  }

  #begin(): Call {
    const call = { index: this.#calls.length, id: '', name: '', arguments: '' };
    this.#calls.push(call);
    return call;
  }
}

function argumentsIn(given: unknown): string {
  if (typeof given === 'string') return given;
  return typeof given === 'object' && given !== null ? JSON.stringify(given) : '';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
