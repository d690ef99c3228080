/**
 * `npm run check:licences`: every package of every lock file has a permissive licence, or a reason to be here without one.
 * The lock has what npm knows of each package's licence, also of those for other platforms.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import satisfies from 'spdx-satisfies';
import { lockFiles } from '../setup/complete-lock.mjs';
import { Problem, runScript } from '../setup/problem.mjs';
import { inProject } from '../setup/project.mjs';

/** Whoever passes them on has to name authors and licence, and nothing else. */
const PERMISSIVE = [
  ...['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT', 'Python-2.0'],
  'Unlicense',
];

/** Packages with another licence, or with none in their manifest. Only tools of building and testing, and what examples need. */
const EXCEPTIONS = [
  { name: /^lightningcss(-|$)/, licence: 'MPL-2.0', why: 'a tool of Vite, unchanged; pages have nothing of it' },
  { name: /^axe-core$/, licence: 'MPL-2.0', why: 'a tool of tests, unchanged' },
  { name: /^caniuse-lite$/, licence: 'CC-BY-4.0', why: 'data of build tools' },
  { name: /^spdx-exceptions$/, licence: 'CC-BY-3.0', why: 'data of this check' },
  { name: /^spdx-ranges$/, licence: '(MIT AND CC-BY-3.0)', why: 'data of this check' },
  { name: /^elkjs$/, licence: 'EPL-2.0 OR GPL-3.0-or-later', why: 'draws diagrams of the documentation, unchanged' },
  { name: /^@img\/sharp-/, licence: /\bLGPL-3\.0-or-later\b/, why: 'a library that Next.js links to in an example' },
  { name: /^(buildcheck|cpu-features|ssh2)$/, licence: undefined, why: 'MIT, in a form older than SPDX; of tests' },
  { name: /^khroma$/, licence: undefined, why: 'MIT, by its file "license"; colours of the documentation’s diagrams' },
];

/**
 * The packages of a lock that may not be used.
 * @param {Record<string, { name?: string, version?: string, license?: string, link?: boolean }>} packages
 * @returns {string[]} `name@version: licence`
 */
export function forbidden(packages) {
  return Object.entries(packages).flatMap(([location, { name, version, license, link }]) => {
    if (link || !location.includes('node_modules/')) return [];
    const called = name ?? location.slice(location.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (isPermissive(license) || exceptionFor(called, license) !== undefined) return [];
    return [`${called}@${version}: ${license ?? 'no licence'}`];
  });
}

/**
 * @param {string} name
 * @param {string | undefined} licence
 */
const exceptionFor = (name, licence) =>
  EXCEPTIONS.find(
    (each) =>
      each.name.test(name) &&
      (each.licence instanceof RegExp ? each.licence.test(licence ?? '') : each.licence === licence),
  );

/** @param {string | undefined} licence an SPDX expression, or anything else */
function isPermissive(licence) {
  try {
    return satisfies(licence ?? '', PERMISSIVE);
  } catch {
    return false; // no expression: "SEE LICENSE IN …", "UNLICENSED"
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runScript(async () => {
    for (const name of lockFiles) {
      const found = forbidden(JSON.parse(readFileSync(inProject(name), 'utf8')).packages);
      if (found.length > 0) throw new Problem(`${name} has packages without a permissive licence:`, ...found);
    }
  });
}
