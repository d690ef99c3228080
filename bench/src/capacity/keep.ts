import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { replaceSection } from '../measure/section.ts';
import { type Measured, mergedFigures } from '../speed/figures.ts';
import { coefficientTables, errorTable, fittedTable, sizesTables } from './report.ts';
import type { CapacityResult, MeasuredCapacity } from './result.ts';

const RESULTS = new URL('../../results/', import.meta.url);
const KEPT = new URL('capacity.json', RESULTS);
const PAGE = new URL('../../../docs/scale.md', import.meta.url);

/** What a run measured, together with what is kept of what it did not measure. */
export async function mergedWithKept(measured: readonly Measured[]): Promise<Measured[]> {
  const kept = existsSync(KEPT) ? (JSON.parse(await readFile(KEPT, 'utf8')) as CapacityResult).measured : [];
  return mergedFigures(kept, measured);
}

/** Keeps what was measured, before anything is made of it: ten minutes must not be lost for a load that failed. */
export async function keepMeasured(result: MeasuredCapacity): Promise<void> {
  await mkdir(RESULTS, { recursive: true });
  await writeFile(KEPT, `${JSON.stringify(result, null, 2)}\n`);
}

/** Keeps a run: its figures and the coefficients as JSON, which `npm run capacity` reads, and the tables of docs/scale.md. */
export async function keepCapacity(result: CapacityResult): Promise<void> {
  await keepMeasured(result);
  const sections = {
    coefficients: coefficientTables(result),
    loads: fittedTable(result),
    errors: errorTable(result),
    sizes: sizesTables(result),
  };
  let page = await readFile(PAGE, 'utf8');
  for (const [name, made] of Object.entries(sections)) page = replaceSection(page, name, made);
  await writeFile(PAGE, page);
}
