/**
 * `npm run check:size`: bundles the client as a page would, and holds what it weighs against its bounds: its own code, the same
 * with the one package that it needs, and what is left of both for a page that asks and reads.
 */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const MAX_OWN_BYTES = 6 * 1024;
const MAX_BYTES = 7.375 * 1024;
const MAX_JOBS_BYTES = 6 * 1024;

const source = fileURLToPath(new URL('../../packages/client/src/index.ts', import.meta.url));
const PROGRAM = 'a page that asks and reads';
const CODE = `import { openJobs } from ${JSON.stringify(source)};
const job = await openJobs().create({ query: 'Why?' });
for await (const text of job.text()) console.log(text);`;

/** Gives the program, which is in no file. */
const program = {
  name: 'program',
  /** @param {string} id */
  resolveId: (id) => (id === PROGRAM ? id : null),
  /** @param {string} id */
  load: (id) => (id === PROGRAM ? CODE : null),
};

/**
 * @param {string} input
 * @param {string[]} external packages that are left out
 */
async function weigh(input, external) {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    plugins: [program],
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

const own = await weigh(source, ['eventsource-parser']);
const whole = await weigh(source, []);
const jobs = await weigh(PROGRAM, []);
console.log(
  `The client, compressed: ${own} bytes of its own (at most ${MAX_OWN_BYTES}), ${whole} with its parser (${MAX_BYTES}), ` +
    `${jobs} in ${PROGRAM} (${MAX_JOBS_BYTES}).`,
);
if (own > MAX_OWN_BYTES || whole > MAX_BYTES || jobs > MAX_JOBS_BYTES) process.exitCode = 1;
