/** A JSON object of unknown shape. */
export type Fields = Record<string, unknown>;

/** Whether the value is an object and not an array. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
