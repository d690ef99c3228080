import { appendFileSync, readdirSync, rmSync } from 'node:fs';
import { canariesIn } from '../../../packages/testing/src/canaries/canaries.ts';
import { searchLogs } from '../../../packages/testing/src/canaries/search-logs.ts';
import { isOfRun } from './keep-logs.ts';
import { KINDS } from './kinds.ts';

/** Parts of the names of logs that a whole run leaves. */
const WRITERS = ['services-api-dist', 'services-worker-dist', 'nginx-access'];

/** What selects tests on the command line of Jest. */
interface JestRun {
  readonly testPathPatterns: { readonly patterns: readonly string[] };
  readonly testNamePattern?: string;
  readonly shard?: object;
  readonly findRelatedTests: boolean;
  readonly onlyChanged: boolean;
  readonly onlyFailures: boolean;
}

/** After all end-to-end tests: no log holds what they have sent. After a selection of them, it need not be everything.
 *  @throws Error that names each canary with its file and line, or what was not sent */
export default async function searchAllLogs(run: JestRun): Promise<void> {
  const folder = process.env['MILLRACE_TEST_LOGS'] ?? '';
  const canaries = canariesIn(folder);
  const found = await searchLogs(folder, canaries);
  const sent = new Set(canaries.map(({ kind }) => kind));
  // no second try excuses it
  const failed = process.env['MILLRACE_FAILED_TESTS'];
  if (found.length > 0 && failed !== undefined) appendFileSync(failed, 'a secret in a log\n');
  const faults = found.map(({ kind, file, line, excerpt }) => `${folder}/${file}:${line} has ${kind}: ${excerpt}`);
  if (isWhole(run)) {
    faults.push(...KINDS.filter((kind) => !sent.has(kind)).map((kind) => `no test has sent ${kind}`));
    const logs = readdirSync(folder);
    const missing = WRITERS.filter((writer) => !logs.some((name) => name.includes(writer)));
    faults.push(...missing.map((writer) => `there is no log of ${writer}`));
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  if (isOfRun(folder)) rmSync(folder, { recursive: true });
}

/** Whether these are all tests, as far as the command line says. */
function isWhole(run: JestRun): boolean {
  const selections = [run.testNamePattern, run.shard, run.findRelatedTests, run.onlyChanged, run.onlyFailures];
  return run.testPathPatterns.patterns.length === 0 && !selections.some(Boolean);
}
