import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { codeOf, Problem } from '../setup/problem.mjs';

const forOthers = 0o077;

/**
 * Makes a folder and all that is in it ours alone: other users of this machine can neither list nor read it. One that
 * exists already is closed to them.
 * @param {string} folder
 * @param {readonly string[]} contents the names that may be in it: a folder that is open and holds other things is not
 *   Millrace's to close
 * @throws {Problem} it is not, or it belongs to another user
 */
export function makePrivate(folder, contents) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(folder);
  if (uid !== (process.getuid?.() ?? uid)) {
    throw new Problem(`${folder} belongs to another user.`, 'Name a folder of your own: MILLRACE_STATE_DIR=…');
  }
  const others = readdirSync(folder).filter((name) => !contents.includes(name));
  if ((mode & forOthers) !== 0 && others.length > 0) {
    throw new Problem(
      `${folder} is open to other users and holds more than Millrace's data: ${others.slice(0, 3).join(', ')}.`,
      'Name a folder that Millrace has for itself: MILLRACE_STATE_DIR=…',
    );
  }
  close(folder);
}

/** @param {string} folder */
function close(folder) {
  chmodSync(folder, 0o700);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const inside = path.join(folder, entry.name);
    if (entry.isDirectory()) close(inside);
    else if (entry.isFile()) closeFile(inside);
  }
}

/** @param {string} file */
function closeFile(file) {
  try {
    chmodSync(file, statSync(file).mode & ~forOthers);
  } catch (error) {
    // a Redis of an earlier, killed run may still be replacing its files
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
