/**
 * The matrix of docs/reliability.md, made from what the fault tests have measured:
 *
 *   MILLRACE_FIGURES=$PWD/figures.jsonl npm run test:faults    as often as you like: lines are added
 *   npm run docs:reliability -- figures.jsonl
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { withMarkedPart } from './marked-part.mjs';

const MARKS = { start: '<!-- matrix: made by `npm run docs:reliability` -->', end: '<!-- /matrix -->' };

/** @typedef {{ row: string, figures: Readonly<Record<string, number>> }} Measured what one test has measured in one run */

const UNITS = /** @type {const} */ (['Ms', 'KiB', 'MiB', 'Percent']);

/**
 * @param {readonly Measured[]} runs of all tests and all runs
 * @returns {string} a Markdown table, a row per test; a figure that differed between runs is given from least to most
 */
export function reliabilityTable(runs) {
  const rows = Map.groupBy(runs, ({ row }) => row);
  const lines = [...rows].map(([row, measured]) => {
    const [fault = row, promise = ''] = row.split(/: (.*)/s);
    const measuredNames = measured.flatMap(({ figures }) => Object.keys(figures));
    // a seed is there to repeat a run, and tells nothing of it
    const names = [...new Set(measuredNames)].filter((name) => name !== 'seed');
    const figures = names.map((name) =>
      figure(
        name,
        measured.map(({ figures }) => figures[name] ?? Number.NaN),
      ),
    );
    return `| ${[fault, promise, figures.join(', ')].map(cell).join(' | ')} |`;
  });
  return ['| fault | what holds | measured |', '| --- | --- | --- |', ...lines].join('\n');
}

/**
 * @param {string} name `longestSilenceMs`
 * @param {readonly number[]} values one per run; those that are no numbers were not measured
 */
function figure(name, values) {
  const unit = UNITS.find((suffix) => name.endsWith(suffix)) ?? '';
  const words = name
    .slice(0, name.length - unit.length)
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .trim();
  const known = values.filter((value) => !Number.isNaN(value));
  const [least, most] = [Math.min(...known), Math.max(...known)].map((value) => quantity(value, unit));
  return `${words} ${least === most ? most : `${least} to ${most}`}`;
}

/**
 * @param {number} value
 * @param {string} unit
 */
function quantity(value, unit) {
  if (unit === 'Ms') return value < 1_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`;
  if (unit === 'Percent') return `${Math.round(value)} %`;
  const number = Number.isInteger(value) || value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1);
  return `${number} ${unit}`.trim();
}

const cell = (/** @type {string} */ text) => text.replaceAll('|', '\\|');

/**
 * @param {string} page
 * @param {string} table
 */
export const withMatrix = (page, table) => withMarkedPart(page, MARKS, table);

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const files = process.argv.slice(2);
  if (files.length === 0)
    throw new Error('name the files that `MILLRACE_FIGURES=<file> npm run test:faults` has written');
  const lines = files.flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'));
  const page = new URL('../../docs/reliability.md', import.meta.url);
  const table = reliabilityTable(lines.map((line) => JSON.parse(line)));
  writeFileSync(page, withMatrix(readFileSync(page, 'utf8'), table));
}
