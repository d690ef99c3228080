import { InvalidCursor } from '../http/problem.ts';

/** Makes a place in the index of jobs something that clients only give back. */
export function writeListCursor(place: string): string {
  return Buffer.from(place).toString('base64url');
}

/** @returns the place that a client was given
 *  @throws InvalidCursor it is none */
export function readListCursor(cursor: string): string {
  const place = Buffer.from(cursor, 'base64url').toString();
  if (!/^\d{1,20}$/.test(place)) throw new InvalidCursor();
  return place;
}
