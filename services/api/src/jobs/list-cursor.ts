import { InvalidCursor } from '../http/problem.ts';

/** Makes an opaque cursor of a position in the registry of jobs. */
export function writeListCursor(place: string): string {
  return Buffer.from(place).toString('base64url');
}

/** @returns the position in the registry
 *  @throws InvalidCursor */
export function readListCursor(cursor: string): string {
  const place = Buffer.from(cursor, 'base64url').toString();
  if (!/^\d{1,20}$/.test(place)) throw new InvalidCursor();
  return place;
}
