import { readFile, writeFile } from 'node:fs/promises';
import { replaceSection } from '../measure/section.ts';

const PAGE = new URL('../../../docs/performance.md', import.meta.url);

/** Puts the tables into docs/performance.md. */
export async function keepProfile(report: string): Promise<void> {
  await writeFile(PAGE, replaceSection(await readFile(PAGE, 'utf8'), 'profile', report));
}
