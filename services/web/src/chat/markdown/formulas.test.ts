import { describe, expect, it } from '@jest/globals';
import { withDollarFormulas } from './formulas.ts';

describe('withDollarFormulas', () => {
  it.each([
    ['within a sentence', 'so \\(a^2\\) and \\( b \\).', 'so $$a^2$$ and $$b$$.'],
    ['on lines of its own', 'So:\n\\[\na = b\n\\]\nand', 'So:\n$$\na = b\n$$\nand'],
    ['on one line', '\\[ a = b \\]', '$$\na = b\n$$'],
    ['in a list', '1. \\[ a \\]\n2. b', '1. $$\n   a\n   $$\n2. b'],
    ['in the middle of a line', 'so \\[ a \\] it is', 'so $$a$$ it is'],
    ['in a table', '| \\[ a \\] | b |', '| $$a$$ | b |'],
    ['in a quotation', '> \\[ a \\]', '> $$a$$'],
    ['with line breaks of TeX', '\\[ a \\\\ b \\]', '$$\na \\\\ b\n$$'],
    ['with brackets', '\\(f(x)\\) \\([0, 1)\\)', '$$f(x)$$ $$[0, 1)$$'],
    ['after code', '`a` \\(b\\) `\\(c\\)`', '`a` $$b$$ `\\(c\\)`'],
    ['after a fence', '```\n\\(a\\)\n```\n\\(b\\)', '```\n\\(a\\)\n```\n$$b$$'],
    ['after a backtick that opens nothing', 'a ` b\n\n\\(c\\)', 'a ` b\n\n$$c$$'],
  ])('writes a formula %s', (_, text, written) => {
    expect(withDollarFormulas(text)).toBe(written);
  });

  it.each([
    ['a formula whose end has not come', 'so \\(a^2'],
    ['one that would go over paragraphs', 'so \\(a\n\nb\\)'],
    ['code', '`\\(a\\)`'],
    ['code with other backticks', '``a ` \\(b\\)``'],
    ['a fence that is not closed', '~~~tex\n\\[ a \\]\n```\n\\[ b \\]'],
    ['an escaped backslash before a bracket', 'a \\\\(b\\\\)'],
    ['nothing between', '\\(\\) \\[ \\]'],
    ['dollars', '$$a$$ costs $5'],
  ])('leaves %s as it is', (_, text) => {
    expect(withDollarFormulas(text)).toBe(text);
  });

  it('takes linear time for what never closes', () => {
    const begun = performance.now();
    for (const part of ['\\(', '`\\[', '\\(\n', '``` \\(', '\n\\[a\\]', '\\[a\\] ', '` `` \\('])
      withDollarFormulas(part.repeat(100_000));
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});
