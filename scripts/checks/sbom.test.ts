import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { projectRoot } from '../setup/project.mjs';

interface Component {
  readonly name: string;
  readonly purl: string;
  readonly hashes?: readonly unknown[];
  readonly licenses?: readonly unknown[];
}

it('names what runs, with a hash and a licence, and no tool of tests', async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'sbom'], {
    cwd: projectRoot,
    maxBuffer: 32 * 1024 * 1024,
  });
  const { bomFormat, components } = JSON.parse(stdout) as { bomFormat: string; components: readonly Component[] };
  expect(bomFormat).toBe('CycloneDX');
  const names = components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['bullmq', 'ioredis', 'fastify', 'openai', 'eventsource-parser']));
  for (const tool of ['jest', 'playwright-core', 'knip', '@biomejs/biome']) expect(names).not.toContain(tool);
  const foreign = components.filter(({ purl }) => !/^pkg:npm\/(%40millrace\/|millrace@)/.test(purl));
  expect(foreign.length).toBeGreaterThan(100);
  expect(
    foreign.filter(({ hashes, licenses }) => !hashes?.length || !licenses?.length).map(({ purl }) => purl),
  ).toEqual([]);
});
