import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { graphFiles, graphVariables } from './graph-files.mjs';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'start-'));
  await mkdir(join(folder, 'typed'));
  await writeFile(
    join(folder, 'langgraph.json'),
    JSON.stringify({ graphs: {}, env: { OPENAI_API_KEY: 'sk-1', N: 7 } }),
  );
  await writeFile(join(folder, 'typed/langgraph.json'), JSON.stringify({ graphs: {}, env: '.env' }));
  await writeFile(join(folder, 'typed/.env'), 'OPENAI_API_KEY=sk-2\nTONE=kind\n');
});
afterAll(() => rm(folder, { recursive: true }));

describe('the agents of npm start', () => {
  it('are where the person has typed, or in the project', () => {
    const env = { MILLRACE_GRAPHS: './langgraph.json, other.json', INIT_CWD: join(folder, 'typed') };
    expect(graphFiles(env, folder)).toEqual([join(folder, 'typed/langgraph.json'), join(folder, 'other.json')]);
    expect(graphFiles({ ...env, INIT_CWD: folder }, folder)[0]).toBe(join(folder, 'langgraph.json'));
    expect(graphFiles({}, folder)).toEqual([]);
  });

  it('may bring the key of a model, so that none is simulated', async () => {
    const files = [join(folder, 'typed/langgraph.json'), join(folder, 'langgraph.json'), join(folder, 'nowhere.json')];
    expect(await graphVariables(files)).toEqual({ OPENAI_API_KEY: 'sk-2', TONE: 'kind', N: '7' });
  });
});
