import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ask as askCommand } from '../setup/run-command.mjs';
import { isAlive } from './lock.mjs';

const sameKeyPressMs = 1_000;
const npmCheckMs = 1_000;

/**
 * The wish to stop, however it is said: Ctrl-C, SIGTERM, a closed terminal, or the death of the process that started us.
 * @returns {{ first: Promise<void>, onSecond(kill: () => void): void }}
 */
export function stopSignals() {
  let kill = () => {};
  let firstAt = 0;
  const { promise: first, resolve } = withResolvers();
  const ask = () => {
    if (firstAt === 0) {
      firstAt = Date.now();
      resolve();
      // One key press arrives several times: from the terminal, from npm, from the Node that re-executed us.
    } else if (Date.now() - firstAt > sameKeyPressMs) {
      kill();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, ask);
  process.once('disconnect', ask);
  // Listening for its end must not keep us alive when all the work is done.
  process.channel?.unref();
  if (process.env['npm_lifecycle_event'] !== undefined) whenNpmDies(ask);
  const onSecond = (/** @type {() => void} */ action) => {
    kill = action;
  };
  return { first, onSecond };
}

/**
 * npm tells nobody when it is killed, and the shell between it and us lives on. Only asked under npm: whoever starts the
 * script directly may mean to leave it alone.
 * @param {() => void} then
 */
function whenNpmDies(then) {
  const npm = npmProcess();
  const timer = setInterval(() => {
    if (isAlive(npm, '')) return;
    clearInterval(timer);
    then();
  }, npmCheckMs);
  timer.unref();
}

/** The process id of npm: the first ancestor that is neither a shell nor this script on another Node. */
function npmProcess() {
  const script = path.basename(process.argv[1] ?? '');
  let pid = process.ppid;
  for (;;) {
    const { parent, commandLine } = describeProcess(pid);
    if (parent === undefined || !commandLine.includes(script)) return pid;
    pid = parent;
  }
}

/**
 * The parent and the command line of a process, from Linux' /proc (a slim system has no ps), elsewhere from ps.
 * @param {number} pid
 * @returns {{ parent?: number, commandLine: string }} no parent when it is gone
 */
function describeProcess(pid) {
  try {
    const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return { parent: Number(parent), commandLine: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') };
  } catch {
    const printed = askCommand('ps', ['-o', 'ppid=,args=', '-p', String(pid)]) ?? '';
    const [, parent, commandLine] = /^\s*(\d+)\s+(\S.*)$/.exec(printed) ?? [];
    return parent === undefined ? { commandLine: '' } : { parent: Number(parent), commandLine: commandLine ?? '' };
  }
}

/** `Promise.withResolvers`, which Node 20 does not have. @returns {{ promise: Promise<void>, resolve: () => void }} */
function withResolvers() {
  let resolve = () => {};
  const promise = new Promise((/** @type {(value: void) => void} */ done) => {
    resolve = done;
  });
  return { promise, resolve };
}
