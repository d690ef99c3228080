import { typeOf } from './any-message.ts';

/** What a graph holds as plain JSON. Messages take the form of LangGraph's own server: `{type, content, id, …}`. What belongs to
 *  LangGraph alone (keys that begin with `__`) is left out.
 *  @returns undefined for what JSON cannot represent */
export function plain(value: unknown): unknown {
  try {
    const json = JSON.stringify(value, replaced);
    return json === undefined ? undefined : (JSON.parse(json) as unknown);
  } catch {
    return undefined; // it runs in a circle, or holds a bigint
  }
}

/** Sees a value before `toJSON` has changed it. */
function replaced(this: unknown, key: string, value: unknown): unknown {
  if (key.startsWith('__')) return undefined;
  const raw: unknown = (this as Readonly<Record<string, unknown>>)[key];
  const type = typeOf(raw);
  if (type === null) return value;
  const { toDict } = raw as { toDict?: () => { readonly data: object } };
  return typeof toDict === 'function' ? { ...toDict.call(raw).data, type } : value;
}
