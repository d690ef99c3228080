import { describe, expect, it } from '@jest/globals';
import { replaceSection } from './section.ts';

const page = 'before\n<!-- ttft:begin -->\nold\n<!-- ttft:end -->\nafter\n';

describe('replaceSection', () => {
  it('touches nothing outside the section', () => {
    expect(replaceSection(page, 'ttft', 'new $& $1\n')).toBe(
      'before\n<!-- ttft:begin -->\n\nnew $& $1\n\n<!-- ttft:end -->\nafter\n',
    );
  });

  it('gives the same page when done twice', () => {
    const once = replaceSection(page, 'ttft', 'new');
    expect(replaceSection(once, 'ttft', 'new')).toBe(once);
  });

  it('refuses a page without the section', () => {
    expect(() => replaceSection(page, 'other', 'new')).toThrow('no section other');
  });
});
