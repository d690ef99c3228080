import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Canary } from './canaries.ts';

export interface FoundCanary {
  readonly kind: string;
  readonly file: string;
  /** counted from 1 */
  readonly line: number;
  /** the line around the canary, which may be long */
  readonly excerpt: string;
}

const SHOWN = 120;

/** Looks for canaries in all logs (`*.log`) of a folder. One pass over each, however many canaries there are. */
export async function searchLogs(folder: string, canaries: readonly Canary[]): Promise<FoundCanary[]> {
  const kinds = new Map(canaries.flatMap(({ kind, parts }) => parts.map((part) => [part, kind] as const)));
  if (kinds.size === 0) return [];
  const any = new RegExp([...kinds.keys()].map((part) => part.replaceAll(/\W/g, '\\$&')).join('|'), 'g');
  const found: FoundCanary[] = [];
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort()) {
    let line = 0;
    for await (const text of createInterface({ input: createReadStream(join(folder, file)) })) {
      line += 1;
      for (const { 0: part, index } of text.matchAll(any)) {
        const excerpt = text.slice(Math.max(0, index - SHOWN), index + SHOWN);
        found.push({ kind: kinds.get(part) ?? '', file, line, excerpt });
      }
    }
  }
  return found;
}
