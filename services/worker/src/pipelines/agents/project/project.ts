import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, parse } from 'node:path';
import { pathToFileURL } from 'node:url';

/** How tsx imports for one set of compiler options. */
interface Importer {
  import(specifier: string, parentUrl: string): Promise<unknown>;
}

/** Imports the modules of agents' projects: JavaScript as it is, TypeScript through tsx, as LangGraph's own CLI does. tsx works in
 *  a namespace of its own, so that the modules of this process stay as they are. */
export class Projects {
  /** by the tsconfig.json that applies, '' for none */
  readonly #importers = new Map<string, Promise<Importer>>();

  /** @param file absolute path
   *  @throws what the module throws */
  async load(file: string): Promise<LoadedModule> {
    const tsconfig = tsconfigOf(file);
    const known = this.#importers.get(tsconfig);
    const importer = known ?? startImporter(`agents-${this.#importers.size}`, tsconfig);
    if (known === undefined) this.#importers.set(tsconfig, importer);
    const url = pathToFileURL(file).href;
    const exports = (await (await importer).import(url, url)) as Readonly<Record<string, unknown>>;
    return new LoadedModule(file, exports, await importer);
  }
}

type Way = (specifier: string) => unknown;
type Check<Library> = (library: Partial<Library>) => boolean;

/** A module of a project. */
export class LoadedModule {
  readonly #require: NodeJS.Require;
  /** how to find a package from the module; once one way has found the right copy, it is the first */
  #ways: readonly Way[];

  constructor(
    readonly file: string,
    readonly exports: Readonly<Record<string, unknown>>,
    importer: Importer,
  ) {
    const url = pathToFileURL(file).href;
    const require = createRequire(file);
    this.#require = require;
    this.#ways = [
      (specifier) => importer.import(specifier, url),
      (specifier) => require(specifier),
      // with pnpm, a project that names `langchain` alone cannot resolve what that depends on
      (specifier) => importer.import(specifier, pathToFileURL(require.resolve('langchain')).href),
      (specifier) => createRequire(require.resolve('langchain'))(specifier),
    ];
  }

  /** The copy of a package that the module itself uses. A project may have it as an ES module and for `require`: these are two.
   *  @param isRight recognises the copy that the module uses
   *  @returns null where the module's project does not have it */
  async library<Library>(specifier: string, isRight: Check<Library>): Promise<Partial<Library> | null> {
    for (const way of this.#ways) {
      try {
        const library = (await way(specifier)) as Partial<Library>;
        if (!isRight(library)) continue;
        this.#ways = [way, ...this.#ways.filter((other) => other !== way)];
        return library;
      } catch {
        // the next way may find it
      }
    }
    return this.#required(isRight);
  }

  /** Looks among the modules that were required: what a CommonJS project requires through tsx has names of tsx's own. */
  #required<Library>(isRight: Check<Library>): Partial<Library> | null {
    for (const module of Object.values(this.#require.cache)) {
      const library: unknown = module?.exports;
      if (typeof library === 'object' && library !== null && isRight(library)) return library;
    }
    return null;
  }
}

/** Loaded only for agents: esbuild is large. */
async function startImporter(namespace: string, tsconfig: string): Promise<Importer> {
  const [{ register }, { register: registerForRequire }] = await Promise.all([
    import('tsx/esm/api'),
    import('tsx/cjs/api'),
  ]);
  const esm = register({ namespace, tsconfig: tsconfig === '' ? false : tsconfig });
  // without it, a CommonJS project's imports of `.js` that mean `.ts` are not found
  const before = process.env['TSX_TSCONFIG_PATH'];
  if (tsconfig !== '') process.env['TSX_TSCONFIG_PATH'] = tsconfig;
  registerForRequire({ namespace });
  if (before === undefined) delete process.env['TSX_TSCONFIG_PATH'];
  else process.env['TSX_TSCONFIG_PATH'] = before;
  return esm;
}

/** The nearest one above a file; '' where there is none. */
function tsconfigOf(file: string): string {
  const { root } = parse(file);
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const candidate = join(folder, 'tsconfig.json');
    if (existsSync(candidate)) return candidate;
    if (folder === root) return '';
  }
}
