import { plainMessage } from './plain-messages.ts';
import type { TypedBytes } from './stored-checkpoint.ts';

type Fields = Readonly<Record<string, unknown>>;

/** @returns the JSON that LangGraph's serializer has written */
export function parsed([, bytes]: TypedBytes): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
}

/** Turns what LangGraph's serializer has written into plain JSON, without a class of LangChain: its messages in the shape of
 *  PROTOCOL.md §2, its other objects as what they were constructed with, sets and maps as lists and objects. */
export function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => plain(item) ?? null);
  const object = value as Fields;
  if (object['lc'] === 1) return langChainObject(object);
  if (object['lc'] === 2) return builtIn(object);
  return fieldsOf(object);
}

/** An object that was stored with its class: `{lc: 1, type, id, kwargs}`. */
function langChainObject({ type, id, kwargs }: Fields): unknown {
  if (type !== 'constructor' || !Array.isArray(id)) return null;
  const fields = fieldsOf((kwargs ?? {}) as Fields);
  return plainMessage(String(id.at(-1)), fields) ?? fields;
}

/** A value that JSON does not have: `{lc: 2, type, id, args}`. */
function builtIn({ type, id, args, value }: Fields): unknown {
  if (type === 'undefined') return undefined;
  if (type === 'delta_snapshot') return plain(value);
  const [first] = Array.isArray(args) ? args : [];
  switch (Array.isArray(id) ? id[0] : null) {
    case 'Set':
      return plain(first);
    case 'Map':
      return Object.fromEntries((first as [unknown, unknown][]).map(([key, item]) => [String(key), plain(item)]));
    case 'Error':
      return { message: first };
    case 'RegExp':
      return String(first);
    case 'Uint8Array':
      return Buffer.from(first as number[]).toString('base64');
    default:
      return null;
  }
}

function fieldsOf(object: Fields): Fields {
  const fields = Object.entries(object).map(([key, item]) => [key, plain(item)] as const);
  return Object.fromEntries(fields.filter(([, item]) => item !== undefined));
}
