import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf, Problem } from '../setup/problem.mjs';

/**
 * Takes the lock of a clone: one `npm start` at a time, for two would share Redis's data files.
 * The lock of a process that is gone (killed, or the machine went down) counts for nothing.
 * @param {string} file
 * @param {string} purpose said to the next one who asks, the URL for instance
 * @returns {Disposable}
 * @throws {Problem} a living process holds it
 */
export function takeLock(file, purpose) {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, `${process.pid}\n${purpose}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const [pid, holder] = readFileSync(file, 'utf8').split('\n');
    if (isAlive(Number(pid), 'start.mjs')) {
      throw new Problem(
        `Millrace already runs from this clone: ${holder} (process ${pid}).`,
        'Stop that one first, or start a second one from another clone with another PORT.',
      );
    }
    rmSync(file, { force: true });
    return takeLock(file, purpose);
  }
  return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
}

/**
 * Whether a process lives and is the program it is taken for: process ids are used again, after a reboot above all.
 * @param {number} pid
 * @param {string} program a part of its command line
 */
export function isAlive(pid, program) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return commandLine.includes(program);
  } catch {
    // no /proc here (macOS), or it is gone this very moment: the signal's answer is the best there is
    return true;
  }
}
