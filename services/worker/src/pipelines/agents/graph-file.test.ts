import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readGraphFile } from './graph-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graphs-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(content: object | string) {
  await writeFile(join(folder, 'langgraph.json'), typeof content === 'string' ? content : JSON.stringify(content));
  return readGraphFile('./langgraph.json', folder);
}

describe('a langgraph.json', () => {
  it('names modules and exports, relative to its own folder', async () => {
    const { graphs } = await read({
      graphs: {
        support: './src/agent.ts:graph',
        bare: './src/bare.mjs',
        told: { path: './src/told.js:agent', description: 'Tells.' },
      },
    });
    expect(graphs.map(({ id, file, exported, description }) => [id, file, exported, description])).toEqual([
      ['support', join(folder, 'src/agent.ts'), 'graph', undefined],
      ['bare', join(folder, 'src/bare.mjs'), 'default', undefined],
      ['told', join(folder, 'src/told.js'), 'agent', 'Tells.'],
    ]);
  });

  it('gives variables, as an object or as a file, and says which of its fields mean nothing here', async () => {
    const graphs = { a: './a.ts:a' };
    expect(await read({ graphs, env: { KEY: 'x', PORT: 7 }, node_version: '20', dependencies: ['.'] })).toMatchObject({
      env: { KEY: 'x', PORT: '7' },
      ignored: ['node_version', 'dependencies'],
    });
    await writeFile(join(folder, '.env'), '# a comment\nKEY="quoted # text"\nexport OTHER=plain\n');
    expect((await read({ graphs, env: '.env' })).env).toEqual({ KEY: 'quoted # text', OTHER: 'plain' });
  });

  it('works as it was cloned, without the file of variables that it names', async () => {
    const file = await read({ graphs: { a: './a.ts:a' }, env: '.env.local' });
    expect(file).toMatchObject({ env: {}, missingEnv: '.env.local' });
    expect((await read({ graphs: { a: './a.ts:a' }, env: {} })).missingEnv).toBeNull();
  });

  it.each([
    ['{nonsense', 'is not JSON'],
    [{}, 'its "graphs" must be'],
    [{ graphs: {} }, 'its "graphs" names none'],
    [{ graphs: { a: 7 } }, 'its "graphs.a" must be'],
    [{ graphs: { chat: './a.ts:a' } }, '"chat" is the built-in pipeline'],
    [{ graphs: { 'a b': './a.ts:a' } }, 'an id is 1 to 64 characters'],
    [{ graphs: { a: './a.py:a' } }, 'is Python'],
    [{ graphs: { a: './a.ts:a' }, env: ['KEY'] }, 'its "env" must be'],
    [{ graphs: { a: './a.ts:a' }, env: '.' }, 'its "env" names ., which cannot be read'],
  ])('that cannot be used says why, in one line: %j', async (content, reason) => {
    const error = await read(content).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ name: 'AgentLoadError', message: expect.stringContaining(reason) });
    expect((error as Error).message).toMatch(/^[^\n]*langgraph\.json[^\n]*$/);
  });

  it('that is missing says so', async () => {
    await expect(readGraphFile('./nowhere.json', folder)).rejects.toThrow('./nowhere.json: cannot be read');
  });
});

const DEEP = 1_000_000;
const deepArray = `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`;
const deepObject = `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`;

describe('the fields of a langgraph.json', () => {
  it.each([
    ['a deep file', deepArray, 'graphs'],
    ['deep graphs', `{"graphs":${deepObject}}`, 'graphs'],
    ['a deep agent', `{"graphs":{"a":${deepArray}}}`, 'graphs.a'],
    ['deep variables', `{"graphs":{"a":"./a.ts:a"},"env":{"A":${deepArray}}}`, 'env'],
    ['half of a surrogate pair', '{"graphs":{"\\ud800":"./a.ts:a"}}', 'an id is'],
    ['NUL', '{"graphs":{"a\\u0000":"./a.ts:a"}}', 'an id is'],
    ['__proto__', '{"__proto__":{"graphs":{"a":"./a.ts:a"}}}', 'graphs'],
    ['an unknown field that is deep', `{"graphs":{"a":"./a.ts:a"},"more":${deepArray}}`, null],
    ['an unknown field that is a huge number', `{"graphs":{"a":"./a.ts:a"},"more":1e999}`, null],
    ['a name twice', '{"graphs":{"a":7},"graphs":{"a":"./a.ts:a"}}', null],
  ])('as bombs are refused in words, or read: %s', async (_, text, complaint) => {
    if (complaint === null) expect((await read(text)).graphs).toMatchObject([{ id: 'a', exported: 'a' }]);
    else await expect(read(text)).rejects.toThrow(complaint);
  });
});
