import { type FileHandle, mkdir, mkdtemp, open, readdir, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StoreUnreachable } from '../errors.ts';
import { FolderStore } from './folder-store.ts';

const signal = AbortSignal.timeout(60_000);
const KEY = 'jobs/0a1/an-id~acme';

let parent: string;
let root: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-folder-'));
  root = join(parent, 'archive');
});
afterEach(() => rm(parent, { recursive: true, force: true }));

describe('a folder', () => {
  it('that is new has nothing, which is no failure', async () => {
    const store = new FolderStore(root);
    expect(await store.get(KEY, signal)).toBeNull();
    expect(await store.list({ prefix: 'index/acme/', limit: 10 }, signal)).toEqual([]);
    expect(await store.folders('index/')).toEqual([]);
    await store.delete(KEY);
  });

  it.each([
    ['is gone', async () => undefined],
    ['is the empty one below a file system that is not mounted', () => mkdir(root)],
  ])('that %s is away: it neither has nothing, nor is it made again', async (_, leave) => {
    await new FolderStore(root).put(KEY, Buffer.from('words'), signal);
    const store = new FolderStore(root);
    expect(String(await store.get(KEY, signal))).toBe('words');
    const elsewhere = join(parent, 'elsewhere');
    await rename(root, elsewhere);
    await leave();
    const before = await readdir(parent, { recursive: true });
    const asked = [
      () => store.get(KEY, signal),
      () => store.list({ prefix: 'index/acme/', limit: 10 }, signal),
      () => store.folders('index/'),
      // whoever erases it must not believe that it is erased
      () => store.delete(KEY),
      () => store.put(KEY, Buffer.from('others'), signal),
    ];
    for (const ask of asked) await expect(ask()).rejects.toThrow(StoreUnreachable);
    expect(await readdir(parent, { recursive: true })).toEqual(before);
    await rm(root, { recursive: true, force: true });
    await rename(elsewhere, root);
    expect(String(await store.get(KEY, signal))).toBe('words');
    await store.delete(KEY);
    expect(await store.get(KEY, signal)).toBeNull();
  });

  it('has what was put there on the disk, with its name and the folders above', async () => {
    const store = new FolderStore(root);
    const probe = await open(parent, 'r');
    const handles: FileHandle = Object.getPrototypeOf(probe);
    await probe.close();
    const synced: string[] = [];
    const { sync } = handles;
    const spy = jest.spyOn(handles, 'sync').mockImplementation(async function (this: FileHandle) {
      synced.push(await readlink(`/proc/self/fd/${this.fd}`));
      await sync.call(this);
    });
    try {
      await store.put(KEY, Buffer.from('words'), signal);
    } finally {
      spy.mockRestore();
    }
    const folders = [parent, root, join(root, 'jobs'), join(root, 'jobs/0a1')];
    expect(folders.filter((folder) => !synced.includes(folder))).toEqual([]);
    expect(synced.at(-1)).toBe(join(root, 'jobs/0a1'));
  });

  it('keeps no name of who has nothing in it any more, and loses nothing that comes meanwhile', async () => {
    const store = new FolderStore(root);
    const other = new FolderStore(root);
    for (let round = 0; round < 200; round += 1) {
      await store.put('index/erased/a', Buffer.from('a'), signal);
      await Promise.all([store.delete('index/erased/a'), other.put('index/erased/b', Buffer.from('b'), signal)]);
      expect(String(await store.get('index/erased/b', signal))).toBe('b');
      await store.delete('index/erased/b');
    }
    expect(await store.folders('index/')).toEqual([]);
    expect(await readdir(root)).toContain('index');
  });

  it('that cannot be made at first is made later', async () => {
    await writeFile(root, 'in its place');
    const store = new FolderStore(root);
    await expect(store.get(KEY, signal)).rejects.toThrow();
    await rm(root);
    await store.put(KEY, Buffer.from('words'), signal);
    expect(String(await store.get(KEY, signal))).toBe('words');
  });
});
