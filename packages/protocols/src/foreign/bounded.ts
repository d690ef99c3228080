import { z } from 'zod';

/** A list whose length is checked before its entries: a million wrong entries give one fault, not a million. */
export function boundedArray<T extends z.ZodType>(entry: T, { most }: { readonly most: number }) {
  return z.preprocess((value, context) => {
    if (!Array.isArray(value) || value.length <= most) return value;
    context.addIssue(`must have ${most} entries at most`);
    return z.NEVER;
  }, z.array(entry));
}

/** A field of which a client sends only values that change nothing here.
 *  @param supported what may be sent; `null` and absence always may */
export function onlyValues(supported: readonly (string | number | boolean)[], why: string) {
  return z
    .unknown()
    .refine((value) => value === undefined || value === null || supported.includes(value as string), why)
    .optional();
}

/** A field that would change the answer and cannot be honoured. */
export function refused(why: string) {
  return onlyValues([], why);
}
