import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { firstCommands } from '../../tests/incidents/runbook.ts';

const HERE = fileURLToPath(new URL('./', import.meta.url));
const PAGE = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
const METRICS = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
const RULES = readFileSync(`${HERE}rules.yml`, 'utf8');
const TESTS = readFileSync(`${HERE}rules.test.yml`, 'utf8');

const matches = (text: string, pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, found]) => found))];
const alerts = matches(RULES, /- alert: (\w+)/g);
const promtool = async (...args: string[]) => promisify(execFile)('promtool', args, { cwd: HERE });
const hasPromtool = await promtool('--version').then(
  () => true,
  () => false,
);
const byPromtool = hasPromtool ? it : it.skip;

describe('the alerts', () => {
  byPromtool('fire and clear as rules.test.yml says', async () => {
    await promtool('check', 'config', 'prometheus.yml');
    await promtool('test', 'rules', 'rules.test.yml');
  });

  it.each(alerts)(
    '%s has a test in which it fires, one in which it does not, and a section in the runbook',
    (alert) => {
      const asked = TESTS.split(/- eval_time|- \{ eval_time/).filter((part) => part.includes(`alertname: ${alert}`));
      const [fires, silent] = [true, false].map((does) => asked.filter((part) => part.includes('exp_alerts') === does));
      expect([alert, fires?.length, silent?.length]).toEqual([alert, expect.any(Number), expect.any(Number)]);
      expect(fires?.length).toBeGreaterThan(0);
      expect(silent?.length).toBeGreaterThan(0);
      expect(PAGE).toContain(`\n## ${alert}\n`);
      expect(RULES).toContain(`runbook: docs/runbook.md#${alert?.toLowerCase()}\n`);
    },
  );

  it('are all that the runbook has sections for', () => {
    expect(matches(PAGE, /^## (\w+)$/gm)).toEqual(alerts);
  });

  it('each have a command in the runbook that comes first, and is one that a shell can read', async () => {
    const commands = firstCommands();
    expect([...commands.keys()]).toEqual(alerts);
    for (const command of commands.values()) await promisify(execFile)('bash', ['-n', '-c', command]);
  });

  it('ask for metrics that exist', () => {
    const asked = matches(RULES, /\b(millrace_\w+?)(?:_bucket)?\b(?=[{[)\s])/g);
    const listed = matches(METRICS, /^\| `(millrace_\w+)` \|/gm);
    expect(asked.filter((name) => !listed.includes(name))).toEqual([]);
  });
});
