import { describe, expect, it } from '@jest/globals';
import { ask } from '../setup/run-command.mjs';
import { allSnippets, fateOf, snippetsOf } from './snippets.mjs';

const snippets = allSnippets();

describe('the snippets of the documentation', () => {
  it('are all tested, or marked with why they are not', () => {
    expect(snippets.filter((snippet) => fateOf(snippet) === undefined).map(({ at }) => at)).toEqual([]);
    expect(snippets.length).toBeGreaterThan(60);
  });

  it.each(snippets.filter((snippet) => fateOf(snippet) === 'parsed').map(({ at, code }) => [at, code]))(
    '%s is JSON',
    (_, code) => {
      JSON.parse(code);
    },
  );

  it('are right in their shell syntax', () => {
    const scripts = snippets.filter(({ language }) => ['sh', 'bash'].includes(language));
    const wrong = scripts.filter(({ code }) => ask('bash', ['-n', '-c', code]) === null);
    expect(wrong.map(({ at }) => at)).toEqual([]);
  });
});

describe('a block', () => {
  const of = (text: string) => snippetsOf('a.md', text).map(({ at, ...snippet }) => [at, fateOf(snippet as never)]);

  it('that nothing tests has no fate', () => {
    expect(of('x\n\n```py\nprint(1)\n```\n')).toEqual([['a.md:3', undefined]]);
  });

  it('with a mark has that fate', () => {
    expect(of('<!-- not run: it needs a key -->\n```sh\nnpm start\n```\n')).toEqual([['a.md:1', 'not run']]);
    expect(of('<!-- given: declare const f: () => void -->\n```ts\nf();\n```\n')).toEqual([['a.md:1', 'typed']]);
  });
});
