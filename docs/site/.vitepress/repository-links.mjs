import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * The anchor that GitHub gives a heading.
 * @param {string} heading
 */
export const githubSlug = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');

/**
 * Makes the links of the repository's pages work on the site: those to folders with a README, and to sources, of which the
 * site carries a copy. Anchors are checked as well as files; VitePress checks files alone.
 * @param {string} root the repository
 * @param {readonly string[]} pages paths of the site's pages in the repository
 */
export function repositoryLinks(root, pages) {
  /** @type {Map<string, Set<string>>} the anchors of each page */
  const anchors = new Map();
  /** @type {Map<string, { target: string, anchor: string }>} by what is said of it if it is dead */
  const anchored = new Map();
  /** @type {Map<string, string>} sources that pages link to, by their path on the site */
  const sources = new Map();

  /** @param {string} page @param {string} href */
  function onSite(page, href) {
    if (/^[a-z]+:/.test(href)) return href;
    const [file = '', anchor = ''] = href.split('#');
    const target = file === '' ? page : path.join(path.dirname(page), decodeURI(file)).replace(/\/$/, '');
    const fullPath = path.join(root, target);
    if (!existsSync(fullPath)) throw new Error(`${page}: dead link ${href}`);
    const isFolder = statSync(fullPath).isDirectory();
    const linked = isFolder ? path.join(target, 'README.md') : target;
    if (pages.includes(linked)) {
      if (anchor !== '') anchored.set(`${page}: ${href}`, { target: linked, anchor });
      const url = `/${linked.replace(/(^|\/)README\.md$/, '$1').replace(/\.md$/, '.html')}`;
      return anchor === '' ? url : `${url}#${anchor}`;
    }
    if (isFolder) throw new Error(`${page}: ${href} is a folder without a README; link to one of its files`);
    const copy = `source/${target}.txt`;
    sources.set(copy, readFileSync(fullPath, 'utf8'));
    return `/${copy}`;
  }

  return {
    /** @param {import('vitepress').MarkdownRenderer} md */
    rewrite(md) {
      md.core.ruler.push('repository-links', ({ tokens, env }) => {
        const page = path.relative(root, env.realPath ?? env.path);
        const ids = tokens.filter(({ type }) => type === 'heading_open').map((token) => String(token.attrGet('id')));
        anchors.set(page, new Set(ids));
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          const href = token.type === 'link_open' && token.attrGet('href');
          if (href && token.attrGet('class') !== 'header-anchor') token.attrSet('href', onSite(page, href));
        }
      });
    },

    /** @returns the copies of sources that the pages link to; @throws {Error} an anchor is dead */
    checked() {
      const dead = [...anchored].filter(([, { target, anchor }]) => !anchors.get(target)?.has(anchor));
      if (dead.length > 0) throw new Error(`dead anchors:\n${dead.map(([link]) => link).join('\n')}`);
      return sources;
    },
  };
}
