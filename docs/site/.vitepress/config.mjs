import { globSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { drawMermaid } from './mermaid-fences.mjs';
import { githubSlug, repositoryLinks } from './repository-links.mjs';
import { sidebarPages } from './sidebar.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const site = path.join(root, 'docs/site');
const markdown = globSync('**/*.md', { cwd: root, exclude: (name) => ['node_modules', 'dist', '.git'].includes(name) });
const pages = markdown.filter((file) => /^(?!(tests|services|scripts|infra|packages\/(?!client\/))[^/]*\/)/.test(file));
const links = repositoryLinks(root, pages);

/** @param {string} page a path in the repository @returns what its first heading says */
function titleOf(page) {
  const heading = /^# (.+)$/m.exec(readFileSync(path.join(root, page), 'utf8'))?.[1];
  if (heading === undefined) throw new Error(`${page} has no heading`);
  return heading.replaceAll('`', '');
}

/** @param {string} page @param {string} [text] */
const item = (page, text = titleOf(page)) => ({
  text,
  link: `/${page.replace(/README\.md$/, '').replace(/\.md$/, '')}`,
});

const decisions = pages.filter((page) => /^docs\/adr\/\d/.test(page)).sort();

/** When pages are rendered, Vue is Node's to import; Vite looks for it beside the pages, which are outside this folder. */
const vueOfTheSite = {
  name: 'vue-of-the-site',
  enforce: 'pre',
  resolveId: (id, _importer, { ssr }) => (ssr && /^vue($|\/)/.test(id) ? { id, external: true } : null),
};

export default defineConfig({
  title: 'Millrace',
  description: 'A streaming service for LLM answers that survives production',
  lang: 'en-GB',
  srcDir: root,
  srcExclude: markdown.filter((file) => !pages.includes(file)),
  outDir: 'dist',
  cacheDir: 'node_modules/.cache',
  rewrites: Object.fromEntries(
    pages
      .filter((page) => /(^|\/)README\.md$/.test(page))
      .map((page) => [page, page.replace(/README\.md$/, 'index.md')]),
  ),
  vite: {
    esbuild: { tsconfigRaw: {} },
    plugins: [vueOfTheSite],
    build: { chunkSizeWarningLimit: 4_000 },
  },
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  markdown: {
    anchor: { slugify: githubSlug },
    config(md) {
      md.use(links.rewrite);
      md.use(drawMermaid);
    },
  },
  async buildEnd({ outDir }) {
    for (const [file, text] of links.checked()) {
      await mkdir(path.dirname(path.join(outDir, file)), { recursive: true });
      await writeFile(path.join(outDir, file), text);
    }
    await copyFile(path.join(site, 'node_modules/mermaid/dist/mermaid.min.js'), path.join(outDir, 'mermaid.min.js'));
  },
  themeConfig: {
    outline: [2, 3],
    search: { provider: 'local' },
    sidebar: [
      ...sidebarPages.map(({ text, pages }) => ({
        text,
        collapsed: false,
        items: pages.map((page) => (typeof page === 'string' ? item(page) : item(page[0], page[1]))),
      })),
      { text: 'Decisions', collapsed: true, items: decisions.map((page) => item(page)) },
    ],
  },
});
