import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { describeSettings } from '@millrace/runtime';
import { apiSettingsSchema } from '../../services/api/src/settings.ts';
import { workerSettingsSchema } from '../../services/worker/src/settings.ts';
import { settingsTable, withTable } from './settings-table.mjs';

describe('the settings table of the README', () => {
  it('is what the schemas say: `npm run docs:settings` brings it up to date', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const rows = { api: describeSettings(apiSettingsSchema), worker: describeSettings(workerSettingsSchema) };
    expect(withTable(readme, settingsTable(rows))).toBe(readme);
  });

  it('names each variable once, with all who read it', () => {
    const row = { name: 'A', type: 'text', default: 'x', description: 'one | two' };
    expect(
      settingsTable({ api: [row], worker: [row] })
        .split('\n')
        .slice(2),
    ).toEqual(['| `A` | api, worker | `x` | one \\| two |']);
  });

  it('refuses a README without a place for it', () => {
    expect(() => withTable('nothing here', 'table')).toThrow('no place');
  });
});
