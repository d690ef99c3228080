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

/** A module of a project. */
export class LoadedModule {
  constructor(
    readonly file: string,
    readonly exports: Readonly<Record<string, unknown>>,
    readonly importer: Importer,
  ) {}

  /** The copy of a package that the module itself uses. A project may hold it as an ES module and for `require`: these are two.
   *  @param isRight recognises the copy that the module uses
   *  @returns null where the module's project does not have it */
  async library<Library>(
    specifier: string,
    isRight: (library: Partial<Library>) => boolean,
  ): Promise<Partial<Library> | null> {
    const url = pathToFileURL(this.file).href;
    const require = createRequire(this.file);
    const ways = [
      () => this.importer.import(specifier, url),
      () => require(specifier) as unknown,
      // with pnpm, a project that names `langchain` alone cannot resolve what that depends on
      () => this.importer.import(specifier, pathToFileURL(require.resolve('langchain')).href),
      () => createRequire(require.resolve('langchain'))(specifier) as unknown,
    ];
    for (const way of ways) {
      try {
        const library = (await way()) as Partial<Library>;
        if (isRight(library)) return library;
      } catch {
        // the next way may find it
      }
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
