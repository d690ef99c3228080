import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Runs `npm run capacity` with the arguments of a line. */
function capacity(line: string) {
  const args = ['run', '--silent', 'capacity', '--', ...line.split(' ').filter((word) => word !== '')];
  const beganAt = performance.now();
  const { stdout, stderr, status } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8' });
  return { stdout, stderr, status, seconds: (performance.now() - beganAt) / 1e3 };
}

describe('npm run capacity', () => {
  it('answers from the committed coefficients', () => {
    const { stdout, status, stderr } = capacity('--streams 10000 --rate 20');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('10,000 streams at 20 tokens/s: 200,000 tokens/s');
    expect(stdout).toMatch(/Needs \d+ shards, each an independent Redis/);
    expect(stdout).toMatch(/REDIS_URLS with \d+ URLs/);
    expect(stdout).not.toContain('prices');
  });

  it('gives JSON, with what an hour costs', () => {
    const { stdout } = capacity(
      '--streams 10000 --rate 20 --retention 3600 --answer-tokens 300 --vcpu-price 0.04 --gib-price 0.005 --json',
    );
    const { question, parts, hour, cores, limits } = JSON.parse(stdout);
    expect(question).toMatchObject({ streams: 10_000, retention: 3_600, answerTokens: 300 });
    expect(parts.worker.processes).toBeGreaterThan(1);
    expect(hour.vcpuPrice).toBeCloseTo(cores * 0.04);
    expect(limits).toHaveLength(5);
  });

  it('refuses an argument by its name, and tells all of them', () => {
    const { stderr, stdout, status } = capacity('--streams 10000 --rate fast');
    expect([status, stdout]).toEqual([64, '']);
    expect(stderr).toBe('--rate is fast: it must be a number above 0\n');
    expect(capacity('--help').stdout).toContain('--utilisation N');
  });

  it('is there at once', () => {
    // a second on a quiet machine, most of it npm's own start
    expect(Math.min(...[1, 2, 3].map(() => capacity('--streams 1000000 --rate 50').seconds))).toBeLessThan(5);
  });
});
