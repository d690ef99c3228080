import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StoreUnreachable } from '../errors.ts';
import type { KeyQuery, ObjectStore } from './object-store.ts';

/** Where files are written before they get their names. A folder without it is not the one that was opened: its file system is not
 *  mounted, or somebody has moved it. */
const DRAFTS = 'drafts';
/** A draft that is this old was left by a crash, milliseconds. */
const OLD_DRAFT_MS = 86_400_000;

/** How often a file is given its name: another process may have just removed its folder, which was empty. */
const MAX_NAMINGS = 5;

/** A folder of the file system, which must tell capitals from small letters. Several processes may use it at once. Files are for the
 *  user of the process alone. */
export class FolderStore implements ObjectStore {
  readonly kind = 'folder';
  #opened: Promise<void> | null = null;

  /** @param root absolute path; made when it is missing at first. Missing later, it is away */
  constructor(private readonly root: string) {}

  async put(key: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
    await this.#requireThere();
    const path = join(this.root, key);
    const draft = join(this.root, DRAFTS, randomUUID());
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
      await name(draft, path, signal);
      // Redis forgets the job when this has returned: the name must outlive a power cut as well
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  async get(key: string, signal: AbortSignal): Promise<Buffer | null> {
    await this.#requireThere();
    return readFile(join(this.root, key), { signal }).catch(nullIfMissing);
  }

  async delete(key: string): Promise<void> {
    await this.#requireThere();
    await rm(join(this.root, key), { force: true });
    await this.#removeEmpty(dirname(key));
  }

  async list({ prefix, after = '', limit }: KeyQuery, signal: AbortSignal): Promise<string[]> {
    const keys: string[] = [];
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    for await (const key of this.#walk(folder, after, signal)) {
      if (!key.startsWith(prefix)) continue;
      keys.push(key);
      if (keys.length === limit) break;
    }
    return keys;
  }

  async folders(prefix: string): Promise<string[]> {
    const entries = await this.#entries(prefix);
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }

  close(): void {
    // nothing is open between two calls
  }

  /** Keys in the order of their bytes: all are equally deep, so a folder's come before those of the next one. */
  async *#walk(folder: string, after: string, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    for (const entry of await this.#entries(folder)) {
      signal.throwIfAborted();
      const key = `${folder}${entry.name}`;
      if (!entry.isDirectory()) {
        if (key > after) yield key;
        // `0` comes right after `/`: all that is in the folder is before it
      } else if (`${key}0` > after) yield* this.#walk(`${key}/`, after, signal);
    }
  }

  async #entries(folder: string) {
    await this.#requireThere();
    const entries = (await readdir(join(this.root, folder), { withFileTypes: true }).catch(nullIfMissing)) ?? [];
    return entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** A folder's name may be that of a tenant who was erased. */
  async #removeEmpty(folder: string): Promise<void> {
    for (let path = folder; path.includes('/'); path = dirname(path)) {
      const isRemoved = await rmdir(join(this.root, path)).then(
        () => true,
        () => false, // it is not empty, or gone, or on a file system that keeps it
      );
      if (!isRemoved) return;
    }
  }

  /** What is missing in a folder that is away may be there: whoever is told otherwise would forget that it is to be erased.
   *  @throws StoreUnreachable the folder is away */
  async #requireThere(): Promise<void> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = null;
      throw error;
    });
    try {
      await this.#opened;
      await stat(join(this.root, DRAFTS));
    } catch (error) {
      throw new StoreUnreachable(error);
    }
  }

  async #open(): Promise<void> {
    await makeFolder(join(this.root, DRAFTS));
    await this.#removeOldDrafts().catch(() => undefined);
  }

  async #removeOldDrafts(): Promise<void> {
    const folder = join(this.root, DRAFTS);
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const { mtimeMs } = await stat(path);
      if (Date.now() - mtimeMs > OLD_DRAFT_MS) await rm(path, { force: true });
    }
  }
}

async function name(draft: string, path: string, signal: AbortSignal): Promise<void> {
  for (let naming = 1; ; naming += 1) {
    signal.throwIfAborted();
    try {
      await makeFolder(dirname(path));
      return await rename(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || naming === MAX_NAMINGS) throw error;
    }
  }
}

async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

/** Writes to the disk what a folder has. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync().catch(unlessImpossible);
  } finally {
    await folder.close();
  }
}

function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

/** Some network file systems write the names of a folder by themselves, and refuse to be told. */
function unlessImpossible(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EINVAL' && error.code !== 'EBADF') throw error;
}
