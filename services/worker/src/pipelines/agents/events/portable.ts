/** How deep a copy goes: what lies deeper would exhaust the stack of whoever reads it. */
const MAX_DEPTH = 200;

/** Gives an object the form in which it is written, as `toJSON` does; others stay as they are. */
type Unfold = (value: object) => unknown;

/** A copy that can be written as JSON where the original cannot: a bigint becomes its digits, what contains itself the text
 *  `[Circular]`, what lies too deep `[too deep]`, and what throws when it is read `[unreadable]`. The original stays as it is;
 *  objects of a class keep it. */
export function portable(value: unknown, unfold: Unfold = byToJson): unknown {
  const ancestors = new Set<object>();
  return copyOf(value);

  function copyOf(original: unknown): unknown {
    if (typeof original === 'bigint') return `${original}`;
    if (typeof original !== 'object' || original === null) return original;
    if (ancestors.has(original)) return '[Circular]';
    if (ancestors.size === MAX_DEPTH) return '[too deep]';
    ancestors.add(original);
    try {
      return contentsOf(unfold(original));
    } catch {
      return '[unreadable]';
    } finally {
      ancestors.delete(original);
    }
  }

  function contentsOf(written: unknown): unknown {
    if (typeof written !== 'object' || written === null) return copyOf(written);
    if (Array.isArray(written)) return written.map(copyOf);
    if (written instanceof Map) return new Map([...written].map(([key, item]) => [copyOf(key), copyOf(item)]));
    if (written instanceof Set) return new Set([...written].map(copyOf));
    if (written instanceof RegExp || written instanceof Error || ArrayBuffer.isView(written)) return written;
    const copy: object = Object.create(Object.getPrototypeOf(written));
    for (const key of Object.keys(written)) {
      const property = { value: propertyOf(written, key), enumerable: true, configurable: true, writable: true };
      Object.defineProperty(copy, key, property);
    }
    return copy;
  }

  function propertyOf(owner: object, key: string): unknown {
    try {
      return copyOf(Reflect.get(owner, key));
    } catch {
      return '[unreadable]'; // its getter throws
    }
  }
}

function byToJson(value: object): unknown {
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === 'function' && !ArrayBuffer.isView(value) ? toJSON.call(value) : value;
}
