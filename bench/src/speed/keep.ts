import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { replaceSection } from '../measure/section.ts';
import { barsSvg } from '../pictures/bars-svg.ts';
import { curvesSvg } from '../pictures/curves-svg.ts';
import { mergedFigures } from './figures.ts';
import { comparisonPicture, costPicture, growthPicture } from './pictures.ts';
import { speedTables, targetsTable } from './report.ts';
import type { SpeedResult } from './result.ts';

const RESULTS = new URL('../../results/', import.meta.url);
const PICTURES = new URL('../../../docs/images/', import.meta.url);
const PAGE = new URL('../../../docs/performance.md', import.meta.url);

/** The figures before limits, threads, protocols, encryption, tracing and shards. */
async function before(): Promise<SpeedResult> {
  return JSON.parse(await readFile(new URL('speed-before.json', RESULTS), 'utf8')) as SpeedResult;
}

/** A run of some figures together with what is kept of the others. */
export async function mergedWithKept(result: SpeedResult): Promise<SpeedResult> {
  const kept = JSON.parse(await readFile(new URL('speed.json', RESULTS), 'utf8')) as SpeedResult;
  const again = new Set(result.measured.map(({ of }) => of));
  return {
    ...result,
    measured: mergedFigures(kept.measured, result.measured),
    failures: [...kept.failures.filter(({ of }) => !again.has(of)), ...result.failures],
  };
}

/** Keeps a run: its figures as JSON, and what is made from them, the pictures and the tables of docs/performance.md. */
export async function keep(result: SpeedResult): Promise<void> {
  await Promise.all([RESULTS, PICTURES].map((folder) => mkdir(folder, { recursive: true })));
  await writeFile(new URL('speed.json', RESULTS), `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(new URL('speed.svg', PICTURES), barsSvg(comparisonPicture(result)));
  await writeFile(new URL('cost.svg', PICTURES), barsSvg(costPicture(result)));
  await writeFile(new URL('growth.svg', PICTURES), curvesSvg(growthPicture(result)));
  const page = replaceSection(await readFile(PAGE, 'utf8'), 'targets', targetsTable(result, await before()));
  await writeFile(PAGE, replaceSection(page, 'speed', speedTables(result)));
}
