/** The README's table of settings, made from the schemas that the services parse: `npm run docs:settings`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { withMarkedPart } from './marked-part.mjs';

const MARKS = { start: '<!-- settings: made by `npm run docs:settings` -->', end: '<!-- /settings -->' };

/** @typedef {{ name: string, type: string, default: string | null, description: string }} Row */

/**
 * @param {Readonly<Record<string, readonly Row[]>>} services rows by the name of the service that reads them
 * @returns {string} a Markdown table, one row per variable, with the services that read it
 */
export function settingsTable(services) {
  /** @type {Map<string, { row: Row, readBy: string[] }>} */
  const variables = new Map();
  for (const [service, rows] of Object.entries(services)) {
    for (const row of rows) {
      const known = variables.get(row.name);
      if (known === undefined) variables.set(row.name, { row, readBy: [service] });
      else known.readBy.push(service);
    }
  }
  const lines = [...variables.values()].map(({ row, readBy }) =>
    ['', `\`${row.name}\``, readBy.join(', '), cell(row.default), row.description.replaceAll('|', '\\|'), '']
      .join(' | ')
      .trim(),
  );
  return ['| variable | read by | default | meaning |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

/**
 * @param {string} readme
 * @param {string} table
 */
export const withTable = (readme, table) => withMarkedPart(readme, MARKS, table);

/** @param {string | null} value */
function cell(value) {
  if (value === null) return 'required';
  return value === '' ? '' : `\`${value}\``;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [{ describeSettings }, { apiSettingsSchema }, { workerSettingsSchema }] = await Promise.all([
    import('../../packages/runtime/dist/index.js'),
    import('../../services/api/dist/settings.js'),
    import('../../services/worker/dist/settings.js'),
  ]);
  const table = settingsTable({
    api: describeSettings(apiSettingsSchema),
    worker: describeSettings(workerSettingsSchema),
  });
  const readme = new URL('../../README.md', import.meta.url);
  writeFileSync(readme, withTable(readFileSync(readme, 'utf8'), table));
}
