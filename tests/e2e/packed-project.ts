import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** An empty project, outside of this one, in which our packages are installed as npm packs them. What they depend on is linked from
 *  here: nothing is fetched, and what a package uses without declaring it is missing. */
export class PackedProject implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  /** @param own dependencies of the project itself */
  static async install(own: readonly string[]): Promise<PackedProject> {
    const project = new PackedProject(await mkdtemp(join(tmpdir(), 'millrace-project-')));
    try {
      await project.#install(own);
    } catch (error) {
      await project[Symbol.asyncDispose]();
      throw error;
    }
    return project;
  }

  /** the command, as npm links it */
  get program(): string {
    return join(this.folder, 'node_modules', 'millrace', 'bin', 'millrace.js');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  async #install(own: readonly string[]): Promise<void> {
    const { INIT_CWD: _, ...env } = process.env;
    await run(process.execPath, [join(ROOT, 'scripts/setup/pack.mjs'), this.folder], { env });
    const packages = new Map<string, Manifest>();
    for (const file of await readdir(this.folder)) {
      const manifest = await this.#unpack(join(this.folder, file));
      packages.set(manifest.name, manifest);
    }
    for (const name of own) await link(name, { from: ROOT, into: this.folder });
    for (const { name, dependencies = {} } of packages.values()) {
      // npm has linked our packages to where they are
      const from = await realpath(join(ROOT, 'node_modules', name));
      const others = Object.keys(dependencies).filter((dependency) => !packages.has(dependency));
      for (const dependency of others) await link(dependency, { from, into: this.#placeOf(name) });
    }
  }

  async #unpack(file: string): Promise<Manifest> {
    const { stdout } = await run('tar', ['-xzOf', file, 'package/package.json']);
    const manifest = JSON.parse(stdout) as Manifest;
    const place = this.#placeOf(manifest.name);
    await mkdir(place, { recursive: true });
    await run('tar', ['-xzf', file, '--strip-components=1', '-C', place]);
    return manifest;
  }

  #placeOf(name: string): string {
    return join(this.folder, 'node_modules', name);
  }
}

/** Gives a package that is installed for `from` to what is in `into`. */
async function link(name: string, { from, into }: { readonly from: string; readonly into: string }): Promise<void> {
  const place = join(into, 'node_modules', name);
  await mkdir(dirname(place), { recursive: true });
  await symlink(await installed(name, from), place);
}

/** @returns the folder of an installed package */
async function installed(name: string, from: string): Promise<string> {
  for (const folder of [from, ROOT]) {
    const place = join(folder, 'node_modules', name);
    if (existsSync(place)) return place;
  }
  throw new Error(`${name} is not installed`);
}
