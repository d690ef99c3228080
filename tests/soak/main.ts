/** The command line of the soak run, which `npm run soak:archive` starts once everything it needs is there. */
import { parseArgs } from 'node:util';
import { soakArchive } from './soak-archive.ts';

const help = `usage: npm run soak:archive -- [--jobs N] [--retention SECONDS]

Runs small jobs through the built system (one API node, one worker, Redis) with an archive in a folder, and prints after each
20th of them what Redis has in memory. Exits with 1 when that has grown by more than 10 % in the second half, or when a job is
missing from the archive.

  --jobs N             how many jobs, 200000 unless told
  --retention SECONDS  how long they stay in Redis after their end, 5 unless told; 5 s at least pass before they are written
  --help               this text`;

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '200000' },
    retention: { type: 'string', default: '5' },
    help: { type: 'boolean', short: 'h' },
  },
});
const [jobs, retentionSeconds] = [Number(values.jobs), Number(values.retention)];

if (values.help === true) {
  console.log(help);
} else if (!Number.isSafeInteger(jobs) || jobs < 1_000 || !(retentionSeconds >= 1)) {
  console.error(help);
  process.exitCode = 64;
} else {
  process.exit((await soakArchive({ jobs, retentionSeconds })) ? 0 : 1);
}
