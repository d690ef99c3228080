/**
 * `npm run docs:site` builds the Markdown pages as a static site in docs/site/dist. A link or an anchor that leads nowhere fails it.
 *
 *   npm run docs:site -- --base /millrace/         for a site that does not begin at its host's root
 *   npm run docs:site -- --serve --port 4173       also shows it, until Ctrl-C
 */
import { parseArgs } from 'node:util';
import { ensureAllDependencies } from '../setup/dependencies.mjs';
import { runScript } from '../setup/problem.mjs';
import { step } from '../setup/progress.mjs';
import { inProject } from '../setup/project.mjs';

const folder = inProject('docs/site');

await runScript(async () => {
  const { values } = parseArgs({
    options: {
      base: { type: 'string', default: '/' },
      serve: { type: 'boolean', default: false },
      port: { type: 'string', default: '4173' },
    },
  });
  await step('dependencies', () => ensureAllDependencies(folder));
  const { build } = await import(inProject('docs/site/node_modules/vitepress/dist/node/index.js'));
  await build(folder, { base: values.base });
  if (!values.serve) return;
  // not VitePress's own server: it compresses mermaid's 5 MB with Brotli before it sends the first byte, which takes 10 s and more
  const { preview } = await import(inProject('docs/site/node_modules/vite/dist/node/index.js'));
  await preview({
    root: folder,
    base: values.base,
    configFile: false,
    appType: 'mpa',
    build: { outDir: 'dist' },
    preview: { port: Number(values.port), strictPort: true },
  });
  console.log(`the site is at http://localhost:${values.port}${values.base}`);
});
