/**
 * `npm run check:size`: bundles the client as a page would, and holds what it weighs against its bounds: its own code, and the
 * same with the one package that it needs.
 */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const MAX_OWN_BYTES = 6 * 1024;
const MAX_BYTES = 7.25 * 1024;

const input = fileURLToPath(new URL('../../packages/client/src/index.ts', import.meta.url));

/** @param {string[]} external packages that are left out */
async function weigh(external) {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: { input, external, preserveEntrySignatures: 'strict' },
    },
  });
  const files = (Array.isArray(built) ? built : [built]).flatMap((bundle) => ('output' in bundle ? bundle.output : []));
  const code = files.map((file) => (file.type === 'chunk' ? file.code : '')).join('');
  const imports = [...code.matchAll(/\bfrom\s*["'](.+?)["']/g)].map(([, name]) => name);
  // another import would hide what it weighs
  if (imports.some((name) => !external.includes(name ?? ''))) throw new Error(`The client imports ${imports}.`);
  return gzipSync(code).length;
}

const own = await weigh(['eventsource-parser']);
const whole = await weigh([]);
console.log(`The client, compressed: ${own} bytes of its own (at most ${MAX_OWN_BYTES}), ${whole} with its parser.`);
if (own > MAX_OWN_BYTES || whole > MAX_BYTES) process.exitCode = 1;
