/**
 * Runs a command tied to the life of the process that started this one.
 *
 *   node tether.mjs [--grace-ms N] -- command args…
 *
 * The tie is the IPC channel, or standard input where there is none: the kernel closes both when the parent dies,
 * even by SIGKILL. The command then gets SIGTERM, and SIGKILL after the grace time (default 10,000 ms).
 * SIGTERM to the tether does the same; a second one kills at once. SIGINT is ignored: Ctrl-C reaches every process
 * of a terminal, but the order in which they stop is the parent's business. The command has its own process group for the
 * same reason, and so that whatever it starts ends with it.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const { graceMs, command, args } = parse(process.argv.slice(2));

const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
relay(child.stdout, process.stdout);
relay(child.stderr, process.stderr);

// Whatever the command started ends with it; until then it would hold the pipes open.
child.once('exit', () => signalGroup('SIGKILL'));

let stopping = false;
function stop() {
  signalGroup(stopping ? 'SIGKILL' : 'SIGTERM');
  if (!stopping) setTimeout(() => signalGroup('SIGKILL'), graceMs);
  stopping = true;
}

process.on('SIGINT', () => {});
process.on('SIGHUP', stop);
process.on('SIGTERM', stop);
if (process.channel) {
  // The parent kills the group itself should the tether be the one that dies.
  process.send?.({ pid: child.pid });
  process.once('disconnect', stop);
} else {
  process.stdin.on('error', stop).once('close', stop).resume();
}

child.once('error', (error) => {
  process.stderr.write(`could not run ${command}: ${error.message}\n`);
  process.exit(127);
});
child.once('close', (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)));

/** @param {NodeJS.Signals} signal */
function signalGroup(signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: the group is gone, which is what was wanted
  }
}

/**
 * Passes output on for as long as somebody reads it. A child that is draining after its parent's death must not
 * die of EPIPE, so its pipes stay open here and are read to the end.
 * @param {NodeJS.ReadableStream} from
 * @param {NodeJS.WritableStream} to
 */
function relay(from, to) {
  let read = true;
  to.on('error', () => {
    read = false;
  });
  from.on('data', (chunk) => {
    if (read) to.write(chunk);
  });
}

/** @param {string[]} argv */
function parse(argv) {
  const separator = argv.indexOf('--');
  const [command, ...args] = argv.slice(separator + 1);
  if (separator === -1 || command === undefined) {
    process.stderr.write('usage: node tether.mjs [--grace-ms N] -- command args…\n');
    process.exit(64);
  }
  const grace = argv.indexOf('--grace-ms');
  return { graceMs: grace === -1 || grace > separator ? 10_000 : Number(argv[grace + 1]), command, args };
}
