/**
 * `npm run check:boundaries`: holds `.dependency-cruiser.cjs` against the sources.
 *
 * dependency-cruiser reads TypeScript through the compiler's own API, which TypeScript 7 does not have; without one it
 * falls back to a JavaScript parser and misses imports without a word. So it is given the TypeScript 6 of this folder,
 * which is a workspace of its own for just that: at the root, version 6 would put its `tsc` in the way of ours.
 */
import { createRequire, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

const { resolve } = createRequire(import.meta.url);
const own = new Map(['typescript', 'typescript/package.json'].map((name) => [name, pathToFileURL(resolve(name)).href]));

registerHooks({
  resolve: (specifier, context, next) => {
    const url = own.get(specifier);
    return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
  },
});

process.argv.splice(2, 0, '--config', '.dependency-cruiser.cjs', '--output-type', 'err');
await import('../../../node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
