import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { accessRows } from '../../services/api/src/routes/access-table.ts';
import { openApiDocument } from '../../services/api/src/routes/openapi-document.ts';
import { withAccessTable } from './access-table.mjs';

it('the table of access is what the routes declare: `npm run docs:access` brings it up to date', () => {
  const page = readFileSync(new URL('../../docs/access.md', import.meta.url), 'utf8');
  expect(withAccessTable(page, accessRows(openApiDocument().paths ?? {}))).toBe(page);
});
