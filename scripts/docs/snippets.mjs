/** The fenced blocks of the documentation, and what a test does with each. */
import { globSync, readFileSync } from 'node:fs';
import { inProject, projectRoot } from '../setup/project.mjs';

/**
 * @typedef {object} Snippet
 * @property {string} at where it stands, as `README.md:12`
 * @property {string} language empty for what is no code
 * @property {string} code
 * @property {string} [given] declarations that it needs to be type-checked, from the comment `<!-- given: … -->` above it
 * @property {string} [notRun] why it is not run, from the comment `<!-- not run: … -->` above it
 */

/** @returns {Snippet[]} */
export function allSnippets() {
  const pages = globSync(['*.md', 'docs/*.md', 'packages/client/README.md'], { cwd: projectRoot }).sort();
  return pages.flatMap((page) => snippetsOf(page, readFileSync(inProject(page), 'utf8')));
}

/**
 * @param {string} page its name
 * @param {string} text
 * @returns {Snippet[]}
 */
export function snippetsOf(page, text) {
  const lines = text.split('\n');
  /** @type {Snippet[]} */
  const snippets = [];
  for (let first = 0; first < lines.length; first += 1) {
    const language = /^```(\w*)/.exec(lines[first] ?? '')?.[1];
    if (language === undefined) continue;
    const last = lines.indexOf('```', first + 1);
    if (last === -1) break;
    const [, mark, words] = /^<!-- (given|not run): (.*) -->$/.exec(lines[first - 1] ?? '') ?? [];
    const code = lines
      .slice(first + 1, last)
      .map((line) => `${line}\n`)
      .join('');
    const at = `${page}:${mark === undefined ? first + 1 : first}`;
    snippets.push({ at, language, code, ...(mark && { [mark === 'given' ? 'given' : 'notRun']: words }) });
    first = last;
  }
  return snippets;
}

/**
 * What a test does with it; undefined: nothing, so it needs a mark.
 * @param {Snippet} snippet
 * @returns {'text' | 'diagram' | 'parsed' | 'typed' | 'program' | 'curl' | 'not run' | undefined}
 */
export function fateOf({ language, code, given, notRun }) {
  if (notRun !== undefined) return 'not run';
  if (given !== undefined) return 'typed';
  if (language === '') return 'text';
  if (language === 'mermaid') return 'diagram';
  if (language === 'json') return 'parsed';
  if (['js', 'ts'].includes(language) && /^import .* from '[@\w/-]+';$/m.test(code)) return 'program';
  if (language === 'sh' && /^curl /m.test(code)) return 'curl';
  return undefined;
}
