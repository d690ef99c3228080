/** Bounds of every JSON body, on any route. A thousand messages of ten parts each stay within them. Validating a larger
 *  body would cost more than one caller may cost (law 16). */
const MAX_VALUES = 100_000;
const MAX_KEYS = 1_000;
const MAX_KEY_CHARS = 256;
const MAX_LEVELS = 64;

/** Checks a body against the bounds, in one pass that stops at the first one exceeded.
 *  @param value a result of JSON.parse: a tree of plain objects, arrays and scalars
 *  @returns null within all bounds; otherwise a sentence for the caller, which does not quote the body */
export function oversizeOf(value: unknown): string | null {
  let level: unknown[] = [value];
  let values = 1;
  for (let levels = 0; level.length > 0; levels += 1) {
    if (levels > MAX_LEVELS) return `The body is nested more than ${MAX_LEVELS} levels deep.`;
    const next: unknown[] = [];
    for (const parent of level) {
      const entries = entriesOf(parent);
      if (typeof entries === 'string') return entries;
      values += entries.length;
      if (values > MAX_VALUES) return `The body has more than ${MAX_VALUES} values.`;
      for (const entry of entries) if (typeof entry === 'object' && entry !== null) next.push(entry);
    }
    level = next;
  }
  return null;
}

/** @returns the values of an object or array, or a sentence about its keys */
function entriesOf(parent: unknown): readonly unknown[] | string {
  if (Array.isArray(parent)) return parent;
  if (typeof parent !== 'object' || parent === null) return [];
  const keys = Object.keys(parent);
  if (keys.length > MAX_KEYS) return `An object in the body has more than ${MAX_KEYS} fields.`;
  const isLong = keys.some((key) => key.length > MAX_KEY_CHARS);
  return isLong ? `A field in the body has a name of more than ${MAX_KEY_CHARS} characters.` : Object.values(parent);
}
