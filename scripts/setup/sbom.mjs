/**
 * Prints the bill of materials (CycloneDX) of what workspaces need in production, for every platform, by the lock file of the
 * present folder.
 *
 *   node scripts/setup/sbom.mjs @millrace/api > sbom.cdx.json
 *   npm run --silent sbom                                          of all that is shipped
 *
 * `npm sbom --omit=dev` would leave out what runs if any workspace also has it as a development dependency, BullMQ for one. So npm
 * gets a copy of the manifests that knows of none.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const workspaces = process.argv.slice(2);
const folder = mkdtempSync(path.join(tmpdir(), 'sbom-'));
try {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  for (const [location, entry] of Object.entries(lock.packages)) {
    if (location.includes('node_modules/')) continue;
    delete entry.devDependencies;
    const file = path.join(location, 'package.json');
    if (!existsSync(file)) continue; // an image is built without the benchmark
    const { devDependencies: _, ...manifest } = JSON.parse(readFileSync(file, 'utf8'));
    mkdirSync(path.join(folder, location), { recursive: true });
    writeFileSync(path.join(folder, file), JSON.stringify(manifest));
  }
  writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify(lock));
  const args = [
    'sbom',
    '--package-lock-only',
    '--legacy-peer-deps',
    '--sbom-format=cyclonedx',
    '--sbom-type=application',
  ];
  const { status } = spawnSync('npm', [...args, ...workspaces.map((name) => `--workspace=${name}`)], {
    cwd: folder,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
