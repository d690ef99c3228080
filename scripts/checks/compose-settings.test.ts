import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { apiSettingsSchema } from '../../services/api/src/settings.ts';
import { workerSettingsSchema } from '../../services/worker/src/settings.ts';

/** The image has the page, and knows where. */
const SET_BY_THE_IMAGE = new Set(['MILLRACE_WEB_ROOT']);

it('docker-compose.yml passes every setting on', () => {
  const compose = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8');
  const passed = new Set([...compose.matchAll(/^ +((?:MILLRACE|OPENAI)_\w+):/gm)].map(([, name]) => name));
  const settings = [apiSettingsSchema, workerSettingsSchema].flatMap((schema) => Object.keys(schema.shape));
  const wanted = settings.filter((name) => /^(MILLRACE|OPENAI)_/.test(name) && !SET_BY_THE_IMAGE.has(name));
  const missing = wanted.filter((name) => !passed.has(name));
  expect(missing).toEqual([]);
});
