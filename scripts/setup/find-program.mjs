import { accessSync, constants } from 'node:fs';
import path from 'node:path';

// Debian keeps servers in sbin, which is not on an ordinary user's PATH; Homebrew's folder is missing in some shells.
const moreDirectories = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/opt/homebrew/bin', '/usr/local/bin'];

/**
 * The absolute path of a program, or null when there is none.
 * @param {string} name
 * @param {string} [searchPath]
 */
export function findProgram(name, searchPath = process.env['PATH'] ?? '') {
  for (const directory of [...searchPath.split(path.delimiter).filter(Boolean), ...moreDirectories]) {
    const candidate = path.join(directory, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // not here: the next directory
    }
  }
  return null;
}
