import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { inProject } from '../setup/project.mjs';

const read = (file: string) => readFileSync(inProject(file), 'utf8');

const section = /^## Examples\n(.*?)^## /ms.exec(read('README.md'))?.[1] ?? '';
const rows = [...section.matchAll(/^\| \[(.+)\]\(examples\/(.+)\) \| (.+) \| `(.+)` \|$/gm)].map(
  ([, name = '', folder = '', shows = '', start = '']) => ({ name, folder, shows, start }),
);

describe('the table of examples', () => {
  it('has every folder of examples/', () => {
    const folders = readdirSync(inProject('examples'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rows.map(({ folder }) => folder)).toEqual(expect.arrayContaining(folders.map(({ name }) => name)));
    expect(rows.map(({ name }) => name)).toEqual(rows.map(({ folder }) => folder));
  });

  it.each(rows)('says of $folder what its README says', ({ folder, shows, start }) => {
    const readme = read(`examples/${folder}/README.md`);
    const [, firstSentence] = /^# [^\n]+\n\n(.+?\.)\s/s.exec(readme) ?? [];
    expect(shows).toBe(firstSentence?.replaceAll('\n', ' '));
    // a comment may follow
    const commands = readme.split('\n').map((line) => line.replace(/ +# .*/, ''));
    expect(commands).toContain(start);
  });
});
