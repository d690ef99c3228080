import { typeOf } from './any-message.ts';
import { portable } from './portable.ts';

/** JSON text of one value, bytes: a larger one would leave no room in the log for the rest of the job. */
const MAX_VALUE_BYTES = 4 * 1024 * 1024;
/** Text of one result of a tool, UTF-16 units. */
const MAX_TEXT_UNITS = 1024 * 1024;

/** Keys of LangGraph's own in states and updates. */
const KEYS_OF_LANGGRAPH = /^__(?:pregel_.*|interrupt__|metadata__|start__|previous__)$/;

/** What a graph holds as plain JSON. Messages take the form of LangGraph's own server: `{type, content, id, …}`. What JSON does
 *  not know is said in its words: the digits of a bigint, `[Function: name]`, `[Circular]`, the name and message of an error, a
 *  map as an object, a set as a list, bytes in base64.
 *  @returns undefined only for undefined; `{omitted: "too large", bytes}` for more than 4 MiB */
export function plain(value: unknown): unknown {
  return written(value, replaced);
}

/** Like {@link plain}, for a state, an update of one, a task or a checkpoint: what belongs to LangGraph alone is left out. */
export function plainState(value: unknown): unknown {
  return written(value, function (this: unknown, key, item) {
    return KEYS_OF_LANGGRAPH.test(key) ? undefined : replaced.call(this, key, item);
  });
}

/** A text that fits into the log, with a note of what was cut off. */
export function bounded(text: string): string {
  const over = text.length - MAX_TEXT_UNITS;
  return over <= 0 ? text : `${text.slice(0, MAX_TEXT_UNITS)} [${over} more characters]`;
}

type Replacer = (this: unknown, key: string, value: unknown) => unknown;

function written(value: unknown, replacer: Replacer): unknown {
  const json = jsonOf(value, replacer);
  if (json === undefined) return undefined;
  const bytes = json.length * 3 <= MAX_VALUE_BYTES ? 0 : Buffer.byteLength(json);
  return bytes > MAX_VALUE_BYTES ? { omitted: 'too large', bytes } : (JSON.parse(json) as unknown);
}

function jsonOf(value: unknown, replacer: Replacer): string | undefined {
  try {
    return JSON.stringify(value, replacer);
  } catch {
    // it runs in a circle, or a part of it throws
    return JSON.stringify(portable(value, formOf), replacer);
  }
}

/** Sees a value before `toJSON` has changed it. */
function replaced(this: unknown, key: string, value: unknown): unknown {
  const raw: unknown = (this as Readonly<Record<string, unknown>>)[key];
  switch (typeof raw) {
    case 'bigint':
      return `${raw}`;
    case 'function':
      return `[Function: ${raw.name || 'anonymous'}]`;
    case 'symbol':
      return raw.toString();
    case 'object':
      return raw === null ? null : formOr(raw, value);
    default:
      return value;
  }
}

function formOf(value: object): unknown {
  const { toJSON } = value as { toJSON?: unknown };
  return formOr(value, typeof toJSON === 'function' ? toJSON.call(value) : value);
}

/** The form of what JSON would write without its content, or with LangChain's own wrapping. */
function formOr(value: object, otherwise: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (value instanceof Error) return { name: value.name, message: value.message };
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  const type = typeOf(value);
  const { toDict } = value as { toDict?: () => { readonly data: object } };
  return type !== null && typeof toDict === 'function' ? { ...toDict.call(value).data, type } : otherwise;
}
