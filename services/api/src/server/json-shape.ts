/** Bounds of any JSON body, whatever its route makes of it. A conversation of a thousand messages with ten parts each stays
 *  below them; what goes beyond costs more to check, field by field, than one caller may cost (law 16). */
const MOST_VALUES = 100_000;
const MOST_KEYS = 1_000;
const MOST_KEY_CHARS = 256;
const MOST_LEVELS = 64;

/** What a body's shape has too much of, in one pass that ends at the first bound it meets.
 *  @param value as JSON.parse gives it: a tree of plain objects, arrays and scalars
 *  @returns null when it is within all bounds; otherwise a sentence for the caller, which quotes nothing of the body */
export function oversizeOf(value: unknown): string | null {
  let level: unknown[] = [value];
  let values = 1;
  for (let levels = 0; level.length > 0; levels += 1) {
    if (levels > MOST_LEVELS) return `The body is nested more than ${MOST_LEVELS} levels deep.`;
    const next: unknown[] = [];
    for (const parent of level) {
      const entries = entriesOf(parent);
      if (typeof entries === 'string') return entries;
      values += entries.length;
      if (values > MOST_VALUES) return `The body has more than ${MOST_VALUES} values.`;
      for (const entry of entries) if (typeof entry === 'object' && entry !== null) next.push(entry);
    }
    level = next;
  }
  return null;
}

/** @returns the values in an object or array; or what is wrong with an object's keys */
function entriesOf(parent: unknown): readonly unknown[] | string {
  if (Array.isArray(parent)) return parent;
  if (typeof parent !== 'object' || parent === null) return [];
  const keys = Object.keys(parent);
  if (keys.length > MOST_KEYS) return `An object in the body has more than ${MOST_KEYS} fields.`;
  const isLong = keys.some((key) => key.length > MOST_KEY_CHARS);
  return isLong ? `A field in the body has a name of more than ${MOST_KEY_CHARS} characters.` : Object.values(parent);
}
