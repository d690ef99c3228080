import { mkdir, writeFile } from 'node:fs/promises';
import type { SpeedResult } from './result.ts';

const RESULTS = new URL('../../results/', import.meta.url);

/** Keeps a run: its figures as JSON. */
export async function keep(result: SpeedResult): Promise<void> {
  await mkdir(RESULTS, { recursive: true });
  await writeFile(new URL('speed.json', RESULTS), `${JSON.stringify(result, null, 2)}\n`);
}
