/**
 * Completes the lock files for every platform. npm leaves out an optional package that it could not fetch or had no
 * use for on the machine where the lock was written (npm/cli#4828), and `npm ci` then refuses the lock, there or elsewhere.
 * Packages like @swc/core name one optional package per platform, always by exact version: that is all a lock needs.
 *
 *   npm run lock:complete     after adding a dependency
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { runScript } from './problem.mjs';
import { inProject } from './project.mjs';

/**
 * The part of a lock's entry that matters here.
 * @typedef {{ version?: string, optionalDependencies?: Record<string, string>, [field: string]: unknown }} LockEntry
 */

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];
const otherWords = new Map([
  ['windows', 'win32'],
  ['64', 'x64'],
]);

/**
 * Which platform a package is for, as its name says: `@swc/core-linux-arm-gnueabihf` → linux, arm. Null: none.
 * @param {string} name
 */
export function platformOf(name) {
  const words = name.split(/[-/]/).map((word) => otherWords.get(word) ?? word);
  const os = words.find((word) => systems.includes(word));
  const cpu = words.find((word) => processors.includes(word));
  return os !== undefined && cpu !== undefined ? { os: [os], cpu: [cpu] } : null;
}

/**
 * The optional platform packages that a lock asks for but has no entry of.
 * @param {Record<string, LockEntry>} packages the lock's entries by location
 * @returns {Record<string, LockEntry>} the missing entries by location
 */
export function missingPlatforms(packages) {
  /** @type {Record<string, LockEntry>} */
  const missing = {};
  for (const [parent, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const platform = platformOf(name);
      if (platform === null || isLocked(packages, parent, name)) continue;
      const { dev, license, engines } = entry;
      const location = `node_modules/${name}` in missing ? `${parent}/node_modules/${name}` : `node_modules/${name}`;
      missing[location] = definedOnly({ version, ...platform, dev, license, optional: true, engines });
    }
  }
  return missing;
}

/**
 * Node's lookup: beside the parent, or in any folder above it.
 * @param {Record<string, LockEntry>} packages
 * @param {string} parent
 * @param {string} name
 */
function isLocked(packages, parent, name) {
  const levels = parent
    .split('/node_modules/')
    .map((_, index, parts) => parts.slice(0, index + 1).join('/node_modules/'));
  return [...levels.map((level) => `${level}/node_modules/${name}`), `node_modules/${name}`].some(
    (at) => at in packages,
  );
}

/** @param {LockEntry} entry */
const definedOnly = (entry) => Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runScript(async () => {
    for (const name of [
      'package-lock.json',
      'bench/src/peers/langgraph/package-lock.json',
      'docs/site/package-lock.json',
      'examples/agents/package-lock.json',
      'examples/chat-express/package-lock.json',
      'examples/chat-nextjs/package-lock.json',
      'examples/chat-react/package-lock.json',
    ]) {
      const lock = JSON.parse(readFileSync(inProject(name), 'utf8'));
      const missing = missingPlatforms(lock.packages);
      const sorted = Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => a.localeCompare(b, 'en'));
      writeFileSync(inProject(name), `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
      console.log(`${name}: ${Object.keys(missing).length} platform packages added`);
    }
  });
}
