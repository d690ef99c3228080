/** The tables of settings in docs/settings.md and the README, made from the schemas that the services parse: `npm run docs:settings`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { withMarkedPart } from './marked-part.mjs';

const MARKS = { start: '<!-- settings: made by `npm run docs:settings` -->', end: '<!-- /settings -->' };

/** The settings that the README shows. */
const MATTERING = [
  'PORT',
  'HOST',
  'REDIS_URL',
  'MILLRACE_AUTH',
  'MILLRACE_API_KEYS',
  'OPENAI_API_KEY',
  'OPENAI_BASE_URL',
  'MILLRACE_MODEL',
  'MILLRACE_WORKER_CONCURRENCY',
  'MILLRACE_LOG_RETENTION_SECONDS',
];

/** @typedef {{ name: string, type: string, default: string | null, description: string }} Row */

/**
 * @param {Readonly<Record<string, readonly Row[]>>} services rows by the name of the service that reads them
 * @param {readonly string[]} [names] which to show, in this order; all of them when left out
 * @returns {string} a Markdown table, one row per variable, with the services that read it
 * @throws {Error} there is no variable of a name
 */
export function settingsTable(services, names) {
  /** @type {Map<string, { row: Row, readBy: string[] }>} */
  const variables = new Map();
  for (const [service, rows] of Object.entries(services)) {
    for (const row of rows) {
      const known = variables.get(row.name);
      if (known === undefined) variables.set(row.name, { row, readBy: [service] });
      else known.readBy.push(service);
    }
  }
  const shown = names?.map((name) => variables.get(name) ?? missing(name)) ?? [...variables.values()];
  const lines = shown.map(({ row, readBy }) =>
    ['', `\`${row.name}\``, readBy.join(', '), cell(row.default), row.description.replaceAll('|', '\\|'), '']
      .join(' | ')
      .trim(),
  );
  return ['| variable | read by | default | meaning |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

/**
 * The pages with their tables made anew.
 * @param {{ readme: string, settings: string }} pages
 * @param {Readonly<Record<string, readonly Row[]>>} services
 */
export const withTables = ({ readme, settings }, services) => ({
  readme: withMarkedPart(readme, MARKS, settingsTable(services, MATTERING)),
  settings: withMarkedPart(settings, MARKS, settingsTable(services)),
});

/**
 * @param {string} name
 * @returns {never}
 */
function missing(name) {
  throw new Error(`no service reads ${name}`);
}

/** @param {string | null} value */
function cell(value) {
  if (value === null) return 'required';
  return value === '' ? '' : `\`${value}\``;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  // built code, which is not there yet when the types are checked
  const built = (/** @type {string} */ file) => import(new URL(`../../${file}`, import.meta.url).href);
  const { describeSettings } = await built('packages/runtime/dist/index.js');
  const { apiSettingsSchema } = await built('services/api/dist/settings.js');
  const { workerSettingsSchema } = await built('services/worker/dist/settings.js');
  const pages = {
    readme: new URL('../../README.md', import.meta.url),
    settings: new URL('../../docs/settings.md', import.meta.url),
  };
  const made = withTables(
    { readme: readFileSync(pages.readme, 'utf8'), settings: readFileSync(pages.settings, 'utf8') },
    { api: describeSettings(apiSettingsSchema), worker: describeSettings(workerSettingsSchema) },
  );
  writeFileSync(pages.readme, made.readme);
  writeFileSync(pages.settings, made.settings);
}
