/** The table of routes and who may use them in docs/access.md, made from what the routes declare: `npm run docs:access`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { withMarkedPart } from './marked-part.mjs';

const MARKS = { start: '<!-- access: made by `npm run docs:access` -->', end: '<!-- /access -->' };

/** @typedef {{ method: string, path: string, permission: string | null, roles: readonly string[], rights: readonly string[] }} Row */

/**
 * The page with its table made anew.
 * @param {string} page
 * @param {readonly Row[]} rows
 */
export function withAccessTable(page, rows) {
  const lines = rows.map(({ method, path, permission, roles, rights }) =>
    permission === null
      ? `| \`${method} ${path}\` | | everybody | |`
      : `| \`${method} ${path}\` | \`${permission}\` | ${roles.join(', ')} | ${rights.join(', ') || '–'} |`,
  );
  const head = ['| route | permission | roles | tokens that may |', '| --- | --- | --- | --- |'];
  return withMarkedPart(page, MARKS, [...head, ...lines].join('\n'));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  // built code, which is not there yet when the types are checked
  const built = (/** @type {string} */ file) => import(new URL(`../../${file}`, import.meta.url).href);
  const { accessRows } = await built('services/api/dist/routes/access-table.js');
  const { openApiDocument } = await built('services/api/dist/routes/openapi-document.js');
  const page = new URL('../../docs/access.md', import.meta.url);
  writeFileSync(page, withAccessTable(readFileSync(page, 'utf8'), accessRows(openApiDocument().paths)));
}
