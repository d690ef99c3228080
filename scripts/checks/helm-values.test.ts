import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { apiSettingsSchema } from '../../services/api/src/settings.ts';
import { workerSettingsSchema } from '../../services/worker/src/settings.ts';
import { inProject } from '../setup/project.mjs';

interface Part {
  readonly properties: Readonly<Record<string, Part>>;
}

const read = (file: string) => readFileSync(inProject('infra/helm/millrace', file), 'utf8');
const { properties } = JSON.parse(read('values.schema.json')) as Part;
/** In one order, to compare them. */
const sorted = (names: readonly string[]) => names.toSorted((a, b) => a.localeCompare(b, 'en'));
const namesIn = (part: Part | undefined) => sorted(Object.keys(part?.properties ?? {}));

const api = Object.keys(apiSettingsSchema.shape);
const worker = Object.keys(workerSettingsSchema.shape);
const secrets = namesIn(properties['secrets']);

/** What the image or the chart decides, and `MILLRACE_DEMONSTRATION`, which no deployment must have. */
const OWN = new Set([
  'HOST',
  'PORT',
  'MILLRACE_WORKER_HEALTH_PORT',
  'MILLRACE_AUTH',
  'MILLRACE_WEB_ROOT',
  'MILLRACE_DEMONSTRATION',
]);
/** A secret if it carries a key, and mostly none. */
const EITHER = 'OPENAI_BASE_URL';

const given = (names: readonly string[]) =>
  sorted(names.filter((name) => !OWN.has(name) && (name === EITHER || !secrets.includes(name))));

describe('the values of the Helm chart', () => {
  it('take every setting in one place: for both services, or for the one that reads it', () => {
    expect(namesIn(properties['settings'])).toEqual(given(api.filter((name) => worker.includes(name))));
    expect(namesIn(properties['api']?.properties['settings'])).toEqual(
      given(api.filter((name) => !worker.includes(name))),
    );
    expect(namesIn(properties['worker']?.properties['settings'])).toEqual(
      given(worker.filter((name) => !api.includes(name))),
    );
  });

  it.each([
    ['api', api],
    ['worker', worker],
  ])('give the %s the secrets that it reads, and no other', (service, known) => {
    const [, names = ''] =
      new RegExp(`define "millrace.secretNames.${service}" -}}\\n(.*)\\n`).exec(read('templates/_settings.tpl')) ?? [];
    expect(sorted(names.split(' '))).toEqual(secrets.filter((name) => known.includes(name)));
  });

  it('take no secret among the settings', () => {
    const settings = [
      properties['settings'],
      properties['api']?.properties['settings'],
      properties['worker']?.properties['settings'],
    ];
    const all = settings.flatMap(namesIn);
    expect(all.filter((name) => /(KEY|KEYS|SECRET|PASSWORD|TOKEN)$/.test(name))).toEqual([]);
  });
});
