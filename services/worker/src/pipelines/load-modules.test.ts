import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MODEL_PROVIDERS } from '@millrace/contracts';
import { MODEL_PROVIDER_CONFIG } from 'langchain/chat_models/universal';
import { loadPipelineModules } from './load-modules.ts';
import { ChatModels } from './models/chat-models.ts';
import { PipelineRegistry } from './registry.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pipelines-'));
});
afterEach(async () => rm(directory, { recursive: true }));

const models = new ChatModels({ apiKey: undefined, baseUrl: undefined });

async function load(source: string) {
  await writeFile(join(directory, 'own.mjs'), source);
  return loadPipelineModules(['./own.mjs'], directory);
}

describe('a pipeline module', () => {
  it('exports one pipeline or several', async () => {
    expect(await load(`export default { name: 'a', run() {} }`)).toMatchObject([{ name: 'a' }]);
  });

  it('exports several as a list', async () => {
    const pipelines = await load(`export default ['a', 'b'].map((name) => ({ name, run() {} }))`);
    expect(new PipelineRegistry(pipelines, models).infos.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it.each([
    ['export const a = 1', 'has no default export'],
    ['export default []', 'exports an empty list'],
    ['export default 7', 'definePipeline'],
    ['export default { name: "not a name", run() {} }', 'name must be'],
    ['export default { name: "a" }', 'has no function run()'],
    ['throw new Error("no licence")', 'cannot be loaded: no licence'],
  ])('is refused with its name and the reason: %s', async (source, problem) => {
    await expect(load(source)).rejects.toThrow(problem);
    await expect(load(source)).rejects.toThrow('pipeline module ./own.mjs:');
  });

  it('that does not exist is named', async () => {
    await expect(loadPipelineModules(['./nowhere.mjs'], directory)).rejects.toThrow('./nowhere.mjs: cannot be loaded');
    await expect(loadPipelineModules(['no-such-package'], directory)).rejects.toThrow('no-such-package');
  });

  it('may not take a name that is taken', () => {
    const chat = { name: 'chat', run: () => Promise.reject() as never };
    expect(() => new PipelineRegistry([chat, chat], models)).toThrow('two pipelines are named "chat"');
  });
});

describe('a model of another provider', () => {
  it('may be of any that LangChain knows', () => {
    expect(new Set<string>(MODEL_PROVIDERS)).toEqual(new Set(Object.keys(MODEL_PROVIDER_CONFIG)));
  });

  it('needs its package, and the error names it', async () => {
    await expect(models.create({ model: 'groq:llama' })).rejects.toMatchObject({
      code: 'MODEL_ERROR',
      message: expect.stringContaining('@langchain/groq'),
    });
  });

  it('must be known: what is none belongs to the name', async () => {
    expect(await models.create({ model: 'qwen3:8b' })).toMatchObject({ model: 'qwen3:8b' });
  });
});
