import { InvalidCursor } from '../http/problem.ts';

/** Makes an opaque cursor of a position in the registry of jobs. */
export function writeListCursor(place: string): string {
  return Buffer.from(place).toString('base64url');
}

/** @returns the position in the registry
 *  @throws InvalidCursor */
export function readListCursor(cursor: string): string {
  const place = Buffer.from(cursor, 'base64url').toString();
  // a database refuses larger ones as if it were out of order, and nobody would be served from the archive for a while
  if (!/^\d{1,16}$/.test(place) || !Number.isSafeInteger(Number(place))) throw new InvalidCursor();
  return place;
}
