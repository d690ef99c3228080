import { z } from 'zod';

/** A list whose length is checked before its entries: a million wrong entries give one error, not a million. */
export function countedArray<T extends z.ZodType>(entry: T, { most }: { readonly most: number }) {
  const array = z.array(entry).min(1).max(most);
  return z.preprocess((value, context) => {
    if (!Array.isArray(value) || value.length <= most) return value;
    context.addIssue(`must have ${most} entries at most`);
    return z.NEVER;
  }, array);
}

/** An object with caller-defined keys, whose number is checked before its entries. */
export function countedRecord<K extends z.core.$ZodRecordKey, V extends z.ZodType>(
  key: K,
  value: V,
  { most }: { readonly most: number },
) {
  return z.preprocess(
    (given, context) => {
      if (typeof given !== 'object' || given === null || Object.keys(given).length <= most) return given;
      context.addIssue(`must have ${most} entries at most`);
      return z.NEVER;
    },
    z.record(key, value),
  );
}
