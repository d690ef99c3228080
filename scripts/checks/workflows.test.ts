import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { inProject, projectRoot } from '../setup/project.mjs';

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly permissions?: Readonly<Record<string, string>>;
        readonly 'timeout-minutes'?: number;
        readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
      }
    >
  >;
}

/** What GitHub itself would find wrong with a workflow. */
function faultsOf(content: string): string[] {
  const { context } = parseWorkflow({ name: 'some.yml', content }, new NoOperationTraceWriter());
  return context.errors.getErrors().map(({ message }) => message);
}

it('the check finds what GitHub would refuse', () => {
  const workflow = (step: string) => `on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - ${step}\n`;
  expect(faultsOf(workflow('run: "true"'))).toEqual([]);
  expect(faultsOf(workflow('runs: "true"'))).toContainEqual(expect.stringContaining("Unexpected value 'runs'"));
});

describe.each(globSync('.github/workflows/*.yml', { cwd: projectRoot }))('%s', (file) => {
  const content = readFileSync(inProject(file), 'utf8');
  const workflow = parse(content) as Workflow;
  const jobs = Object.values(workflow.jobs);

  it('is a workflow', () => {
    expect(faultsOf(content)).toEqual([]);
  });

  it('pins every action to a commit, with its version beside', () => {
    const uses = jobs.flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []));
    expect(uses.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/.test(action))).toEqual([]);
    expect(content.match(/uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/gm)?.length ?? 0).toBe(uses.length);
  });

  it('has a token that reads the code at most, but for the one that signs a package', () => {
    const granted = [workflow, ...jobs].flatMap(({ permissions }) => Object.entries(permissions ?? {}));
    const more = granted.filter(([scope, access]) => access !== 'read' || scope !== 'contents');
    expect(workflow.permissions).toBeDefined();
    expect(more).toEqual(path.basename(file) === 'publish.yml' ? [['id-token', 'write']] : []);
    expect(content).not.toMatch(/secrets\.|pull_request_target/);
  });

  it('ends by itself, and puts no words of strangers into a shell', () => {
    expect(jobs.filter((job) => job['timeout-minutes'] === undefined)).toEqual([]);
    const commands = jobs.flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
    expect(commands.filter((command) => command.includes('${{'))).toEqual([]);
  });

  it('runs commands that exist', () => {
    const { scripts } = JSON.parse(readFileSync(inProject('package.json'), 'utf8')) as { scripts: object };
    const named = [...content.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
