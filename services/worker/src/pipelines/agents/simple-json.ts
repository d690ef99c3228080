/** Deeper values are left to the serializer. */
const MAX_DEPTH = 60;

/** The value is not simple. */
const NOT_SIMPLE = Symbol('not simple');

/** JSON of a value that consists of plain objects, arrays, texts, numbers and what turns itself into such, as LangChain's messages
 *  do. LangGraph's serializer writes the same, and takes twice as long: it looks at each value for types that JSON does not have.
 *  @returns null: it has others, or runs in a circle */
export function simpleJson(value: unknown): string | null {
  const tree = simple(value, []);
  return tree === NOT_SIMPLE ? null : JSON.stringify(tree);
}

/** @param above the objects that hold it
 *  @returns the value with what its parts turn themselves into in their place; NOT_SIMPLE */
function simple(value: unknown, above: object[]): unknown {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || value === null) {
    return value;
  }
  if (typeof value !== 'object' || above.length > MAX_DEPTH || above.includes(value)) return NOT_SIMPLE;
  above.push(value);
  const { toJSON } = value as { readonly toJSON?: unknown };
  const form: unknown = typeof toJSON === 'function' ? toJSON.call(value, '') : value;
  const tree = typeof form === 'object' && form !== null ? simpleObject(form, above) : simple(form, above);
  above.pop();
  return tree;
}

function simpleObject(object: object, above: object[]): unknown {
  if (Array.isArray(object)) return simpleList(object, above);
  const prototype: unknown = Object.getPrototypeOf(object);
  // LangGraph writes its own classes in a form of theirs, and knows one of them by this field
  if ((prototype !== Object.prototype && prototype !== null) || 'lg_name' in object) return NOT_SIMPLE;
  let copy: Record<string, unknown> | null = null;
  const fields = object as Readonly<Record<string, unknown>>;
  for (const key in fields) {
    const field = fields[key];
    const tree = simple(field, above);
    if (tree === NOT_SIMPLE || key === '__proto__') return NOT_SIMPLE;
    if (tree !== field) {
      copy ??= { ...fields };
      copy[key] = tree;
    }
  }
  return copy ?? object;
}

function simpleList(list: readonly unknown[], above: object[]): unknown {
  let copy: unknown[] | null = null;
  for (let place = 0; place < list.length; place += 1) {
    const tree = simple(list[place], above);
    if (tree === NOT_SIMPLE) return NOT_SIMPLE;
    if (tree !== list[place]) {
      copy ??= [...list];
      copy[place] = tree;
    }
  }
  return copy ?? list;
}
