/**
 * Completes the lock files for every platform. npm leaves out an optional package that it could not fetch or had no
 * use for on the machine where the lock was written (npm/cli#4828), and `npm ci` then refuses the lock, there or elsewhere.
 * Packages like @swc/core name one optional package per platform, always by exact version. What such a package must hash to
 * comes from the registry: an entry without it would be installed whatever it holds.
 *
 *   npm run lock:complete     after adding a dependency
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runScript } from './problem.mjs';
import { inProject } from './project.mjs';
import { runCommand } from './run-command.mjs';

/** Every lock file of the project. */
export const lockFiles = [
  'package-lock.json',
  'bench/src/peers/langgraph/package-lock.json',
  'docs/site/package-lock.json',
  'examples/agents/package-lock.json',
  'examples/chat-express/package-lock.json',
  'examples/chat-nextjs/package-lock.json',
  'examples/chat-react/package-lock.json',
  'infra/helm/package-lock.json',
];

/**
 * The part of a lock's entry that matters here.
 * @typedef {{ name?: string, version?: string, integrity?: string, link?: boolean, inBundle?: boolean, optionalDependencies?: Record<string, string>, [field: string]: unknown }} LockEntry
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

/**
 * The packages of a registry that a lock would install whatever they hold.
 * @param {Record<string, LockEntry>} packages
 * @returns {Map<string, string>} location → `name@version`
 */
export function withoutIntegrity(packages) {
  const found = Object.entries(packages).filter(
    ([location, { integrity, link, inBundle }]) =>
      location.includes('node_modules/') && integrity === undefined && !link && !inBundle,
  );
  return new Map(found.map(([location, { name, version }]) => [location, `${name ?? nameAt(location)}@${version}`]));
}

/** @param {string} location */
const nameAt = (location) => location.slice(location.lastIndexOf('node_modules/') + 'node_modules/'.length);

/**
 * Lets npm write a lock for packages of any platform, and reads the hashes from it. What the registry does not have is left out.
 * @param {readonly string[]} wanted `name@version`
 * @returns {Promise<Map<string, string>>} `name@version` → its hash
 */
async function integrityOf(wanted) {
  if (wanted.length === 0) return new Map();
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-lock-'));
  try {
    const optionalDependencies = Object.fromEntries(wanted.map((each, index) => [`p${index}`, `npm:${each}`]));
    writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true, optionalDependencies }));
    // forced, since they are for other platforms
    const args = ['install', '--package-lock-only', '--ignore-scripts', '--force', '--no-audit', '--no-fund'];
    await runCommand('npm', args, { cwd: folder, quiet: true });
    const { packages } = JSON.parse(readFileSync(path.join(folder, 'package-lock.json'), 'utf8'));
    const hashes = new Map();
    for (const [index, each] of wanted.entries()) {
      const { integrity } = packages[`node_modules/p${index}`] ?? {};
      if (integrity !== undefined) hashes.set(each, integrity);
    }
    return hashes;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {LockEntry} entry */
const definedOnly = (entry) => Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runScript(async () => {
    for (const name of lockFiles) {
      const lock = JSON.parse(readFileSync(inProject(name), 'utf8'));
      const missing = missingPlatforms(lock.packages);
      const all = { ...lock.packages, ...missing };
      const bare = withoutIntegrity(all);
      const hashes = await integrityOf([...new Set(bare.values())]);
      for (const [location, each] of bare) {
        const { version, ...rest } = all[location];
        all[location] = definedOnly({ version, integrity: hashes.get(each), ...rest });
      }
      const sorted = Object.entries(all).sort(([a], [b]) => a.localeCompare(b, 'en'));
      writeFileSync(inProject(name), `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
      console.log(
        `${name}: ${Object.keys(missing).length} platform packages added, ${hashes.size} hashes of ${bare.size}`,
      );
    }
  });
}
