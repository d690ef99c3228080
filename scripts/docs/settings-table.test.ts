import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { describeSettings } from '@millrace/runtime';
import { apiSettingsSchema } from '../../services/api/src/settings.ts';
import { workerSettingsSchema } from '../../services/worker/src/settings.ts';
import { settingsTable, withTables } from './settings-table.mjs';

describe('the settings tables', () => {
  it('are what the schemas say: `npm run docs:settings` brings them up to date', () => {
    const page = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    const pages = { readme: page('README.md'), settings: page('docs/settings.md') };
    const rows = { api: describeSettings(apiSettingsSchema), worker: describeSettings(workerSettingsSchema) };
    expect(withTables(pages, rows)).toEqual(pages);
  });

  it('name each variable once, with all who read it', () => {
    const row = { name: 'A', type: 'text', default: 'x', description: 'one | two' };
    expect(
      settingsTable({ api: [row], worker: [row] })
        .split('\n')
        .slice(2),
    ).toEqual(['| `A` | api, worker | `x` | one \\| two |']);
  });

  it('show the variables that are named, in that order, and no unknown one', () => {
    const row = (name: string) => ({ name, type: 'text', default: '', description: '' });
    const rows = { api: [row('A'), row('B'), row('C')] };
    expect(settingsTable(rows, ['C', 'A']).match(/(?<=`)[A-Z](?=`)/g)).toEqual(['C', 'A']);
    expect(() => settingsTable(rows, ['D'])).toThrow('no service reads D');
  });
});
