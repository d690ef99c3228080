import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KEPT_LOGS } from './kept-output.ts';

const FILE = 'canaries.jsonl';

/** Something that a test has sent and that no log may hold. */
export interface Canary {
  /** what it was sent as: `prompt of POST /jobs` */
  readonly kind: string;
  /** any of which betrays it: a JSON Web Token is as good as lost without its head */
  readonly parts: readonly string[];
}

/** A new word to be sent in a place of this kind. */
export function canary(kind: string): string {
  return secretCanary(kind, `canary${randomBytes(16).toString('hex')}`);
}

/** Declares a value that the test did not choose, such as a token that the service made.
 *  @returns the value */
export function secretCanary(kind: string, value: string): string {
  const folder = process.env[KEPT_LOGS];
  // without the prefix that all of its kind have; a secret may hold any character of base64url
  const words = value.replace(/^mr[a-z]_/, '').split(/[.\s]/);
  // what is not long enough, such as the head of a token, is found everywhere
  const parts = words.filter((part) => part.length >= 20 && !part.startsWith('eyJhbGci'));
  if (parts.length === 0) throw new RangeError('a canary has a part of 20 characters');
  if (folder !== undefined) appendFileSync(join(folder, FILE), `${JSON.stringify({ kind, parts })}\n`);
  return value;
}

/** All canaries that the tests have sent while {@link KEPT_LOGS} was this folder. */
export function canariesIn(folder: string): Canary[] {
  const file = join(folder, FILE);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Canary);
}
