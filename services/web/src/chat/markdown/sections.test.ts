import { describe, expect, it } from '@jest/globals';
import { parseMarkdownIntoBlocks } from 'streamdown';
import { blockOfCode, sectionsOf } from './sections.ts';

const PART = [
  '## A heading\n\n',
  `Some prose ${'with words '.repeat(20)}\n\n`,
  '- one\n- two\n\n  with a paragraph\n\n',
  '```js\nconst a = 1;\n\n\nconst b = 2;\n```\n\n',
  '| a | b |\n| --- | --- |\n| 1 | 2 |\n\n',
  '$$\na\n\n+ b\n$$\n\n',
  '<details>\n\ninside\n\n</details>\n\n',
].join('');
const LONG = PART.repeat(20);

const split = (text: string, former: readonly string[] = []) => sectionsOf(text, former, parseMarkdownIntoBlocks);

/** The sections after each piece of a text that grows. */
function growing(text: string, step: number): (readonly string[])[] {
  const all: (readonly string[])[] = [];
  for (let length = step; length < text.length + step; length += step)
    all.push(split(text.slice(0, length), all.at(-1)));
  return all;
}

/** Where each of the parts ends in what they are together. */
function endsOf(parts: readonly string[]): number[] {
  return parts.map((_, nth) => parts.slice(0, nth + 1).join('').length);
}

describe('sectionsOf', () => {
  it('leaves a short text whole', () => {
    expect(split('')).toEqual(['']);
    expect(split(PART)).toEqual([PART]);
  });

  it('takes a long text apart into sections that are the text', () => {
    const sections = split(LONG);
    expect(sections.length).toBeGreaterThan(5);
    expect(sections.join('')).toBe(LONG);
  });

  it('keeps every section but the last while text is appended', () => {
    const steps = growing(LONG, 7);
    for (const [nth, sections] of steps.entries()) {
      expect(sections.join('')).toBe(LONG.slice(0, (nth + 1) * 7));
      const settled = steps[nth - 1]?.slice(0, -1) ?? [];
      expect(sections.slice(0, settled.length)).toEqual(settled);
    }
    expect(steps.at(-1)?.length).toBeGreaterThan(5);
  });

  it('cuts a growing text only where the whole text has the end of a block', () => {
    const cuts = endsOf(growing(LONG, 11).at(-1) ?? []);
    expect(cuts.length).toBeGreaterThan(5);
    expect(endsOf(parseMarkdownIntoBlocks(LONG))).toEqual(expect.arrayContaining(cuts));
  });

  it('leaves one long block whole', () => {
    const code = `\`\`\`js\n${'const a = 1;\n'.repeat(2000)}`;
    expect(split(code)).toEqual([code]);
  });

  it('gives code that grows a section of its own', () => {
    const code = `\`\`\`js\n${'const a = 1;\n'.repeat(200)}`;
    const sections = split(PART + code);
    expect(sections.at(-1)).toBe(code);
    expect(split(`${PART}${code}more`, sections)).toEqual([...sections.slice(0, -1), `${code}more`]);
    expect(split(`${PART}${code}\`\`\`\n\nAfter.`, sections).join('')).toBe(`${PART}${code}\`\`\`\n\nAfter.`);
  });

  it('gives long code a section of its own once it has ended, whatever comes after it', () => {
    const code = `\`\`\`js\n${'const a = 1;\n'.repeat(200)}\`\`\`\n`;
    const text = `${PART}${code}\n`;
    const growth = growing(`${text}After it.\n\nMore.`, 50);
    const last = growth.at(-1) ?? [];
    expect(last.join('')).toBe(`${text}After it.\n\nMore.`);
    expect(last.map((section) => blockOfCode(section)?.isOpen)).toContain(false);
    for (const section of growth.flat()) expect(section.includes('const a') && section.includes('After')).toBe(false);
  });

  it('leaves a text with notes whole', () => {
    const noted = `${LONG}See[^1].\n\n[^1]: there`;
    expect(split(noted, split(LONG))).toEqual([noted]);
  });

  it('begins again where the text has become another one', () => {
    const former = split(LONG);
    const other = `Other. ${LONG}`;
    expect(split(other, former)).toEqual(split(other));
  });
});

describe('blockOfCode', () => {
  it.each([
    ['```js\nconst a = 1;', { code: 'const a = 1;', language: 'js', isOpen: true }],
    ['```\n', { code: '', language: '', isOpen: true }],
    ['~~~ c++ title="a"\na\n\nb\n', { code: 'a\n\nb', language: 'c++', isOpen: true }],
    ['````md\n```js\na\n```\n', { code: '```js\na\n```', language: 'md', isOpen: true }],
    ['```js\na\n``` not yet', { code: 'a\n``` not yet', language: 'js', isOpen: true }],
    ['  ```js\n a\n    b\n\n', { code: 'a\n  b\n', language: 'js', isOpen: true }],
    ['```js\na\n\n```', { code: 'a\n', language: 'js', isOpen: false }],
    ['~~~\n~~~', { code: '', language: '', isOpen: false }],
    ['```js\na\n`````  \n\n', { code: 'a', language: 'js', isOpen: false }],
  ])('reads %j', (text, expected) => {
    expect(blockOfCode(text)).toEqual(expected);
  });

  it.each([
    '```js\na\n````  \n\nafter',
    '```js\na\n```\n```js\nb\n```',
    '```js',
    'a\n```js\n',
    '``` a`b\n',
    '    ```\na',
  ])('leaves %j', (text) => {
    expect(blockOfCode(text)).toBeNull();
  });
});
