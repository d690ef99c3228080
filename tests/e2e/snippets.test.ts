import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Child, freePort } from '@millrace/testing';
import { allSnippets, fateOf, type Snippet } from '../../scripts/docs/snippets.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Where the pages say that `npm start` answers. */
const DOCUMENTED = /\b(http:\/\/)?localhost:8080\b/g;

const snippets = allSnippets();
const programs = snippets.filter((snippet) => fateOf(snippet) === 'program');
const curls = snippets.filter((snippet) => fateOf(snippet) === 'curl');

let url: string;
let millrace: Child;
let state: string;
/** What the programs print, by where they stand. They run side by side: the simulated model takes its time. */
let answers: Map<string, Promise<string>>;
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'millrace-snippets-'));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, PORT: String(port), MILLRACE_STATE_DIR: state };
  millrace = await Child.start({ command: process.execPath, args: ['scripts/run/start.mjs'], cwd: ROOT, env });
  await millrace.line((line) => line.includes('Millrace answers at'), 60_000);
  answers = new Map(programs.map((program) => [program.at, answerTo(program)]));
  await Promise.allSettled(answers.values());
});
afterAll(async () => {
  await millrace?.stop(60_000);
  await rm(state, { recursive: true, force: true });
});

/** Runs a command to its end. @returns what it printed */
async function output(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { PATH, HOME } = process.env;
  await using child = await Child.start({ command, args, cwd: ROOT, env: { PATH, HOME, ...env } });
  const { code } = await child.exited;
  const printed = child.lines.join('\n');
  if (code !== 0) throw new Error(`exit code ${code}: ${printed}`);
  return printed;
}

function answerTo({ code }: Snippet): Promise<string> {
  return output(process.execPath, ['--input-type=module-typescript', '--eval', code.replace(DOCUMENTED, url)]);
}

async function newJob(): Promise<string> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const answer = await fetch(`${url}/jobs`, { method: 'POST', headers, body: '{"query":"Why is the sky blue?"}' });
  return ((await answer.json()) as { id: string }).id;
}

describe('against npm start, and changed in the address alone', () => {
  it.each(programs.map(({ at }) => at))('the program at %s answers', async (at) => {
    expect((await answers.get(at))?.length).toBeGreaterThan(20);
  });

  it.each(curls.map(({ at, code }) => [at, code]))('curl at %s is answered', async (_, code) => {
    const commands = code
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => /^curl .*(localhost:8080|\$MILLRACE)/.test(line));
    for (const command of commands) {
      const asked = command.replace(/^curl/, 'curl --silent --show-error --fail-with-body').replace(DOCUMENTED, url);
      expect(await output('bash', ['-c', asked], { ID: await newJob(), MILLRACE: url })).not.toBe('');
    }
  });
});

describe('with the declarations that a comment gives', () => {
  it('the parts of programs have no type errors', async () => {
    await mkdir(join(ROOT, '.millrace'), { recursive: true });
    const folder = await mkdtemp(join(ROOT, '.millrace/snippets-'));
    try {
      for (const { at, language, given, code } of snippets.filter((snippet) => fateOf(snippet) === 'typed')) {
        const extension = language === 'js' ? 'mts' : language;
        await writeFile(join(folder, `${at.replaceAll(/\W/g, '-')}.${extension}`), `${given}\n${code}\nexport {};\n`);
      }
      const lib = ['es2024', 'esnext.disposable', 'dom', 'dom.iterable'];
      const compilerOptions = { jsx: 'react-jsx', lib, customConditions: [] };
      const config = { extends: join(ROOT, 'tsconfig.base.json'), compilerOptions };
      // what is written in JavaScript has not said that a value may be missing
      const kinds = { typescript: ['*.ts', '*.tsx'], javascript: ['*.mts'] };
      for (const [kind, include] of Object.entries(kinds)) {
        const isStrict = kind === 'typescript';
        const strict = { ...compilerOptions, strict: isStrict, exactOptionalPropertyTypes: isStrict };
        const file = join(folder, `${kind}.json`);
        await writeFile(file, JSON.stringify({ ...config, compilerOptions: strict, include }));
        await output(join(ROOT, 'node_modules/.bin/tsc'), ['--noEmit', '-p', file]);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
