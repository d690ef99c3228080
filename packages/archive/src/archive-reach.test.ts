import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ArchiveReach } from './archive-reach.ts';
import { ArchiveUnavailable, StoreRefused, StoreUnreachable } from './errors.ts';

const silence = () => new Promise<never>(() => undefined);
const lost = () => Promise.reject(new StoreUnreachable(Object.assign(new Error('x'), { code: 'ECONNRESET' })));

/** An archive whose looks are answered as `look` says. */
class Archive {
  look: () => Promise<never[]> = () => Promise.resolve([]);
  looks = 0;

  holders(): Promise<never[]> {
    this.looks += 1;
    return this.look();
  }
}

describe('an archive', () => {
  let archive: Archive;
  let reach: ArchiveReach;
  beforeEach(() => {
    jest.useFakeTimers();
    archive = new Archive();
    reach = new ArchiveReach(archive);
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** @returns what became of a read, when all time has passed that it may take */
  async function outcome<T>(read: () => Promise<T>): Promise<T | Error> {
    const end = reach.ask(read).catch((error: Error) => error);
    await jest.advanceTimersByTimeAsync(10_000);
    return end;
  }

  it('that refuses a read is asked for the next one', async () => {
    expect(await outcome(() => Promise.reject(new StoreRefused('AccessDenied', 403)))).toBeInstanceOf(
      ArchiveUnavailable,
    );
    await reach.requireThere();
    expect(archive.looks).toBe(0);
  });

  it('that is slow with one read, and answers others, is asked for the next one', async () => {
    expect(await outcome(silence)).toBeInstanceOf(ArchiveUnavailable);
    await reach.requireThere();
    expect(archive.looks).toBe(1);
  });

  it('that has dropped one connection is asked once more', async () => {
    const reads = [lost, () => Promise.resolve('found')];
    expect(await outcome(() => reads.shift()?.() ?? silence())).toBe('found');
    await reach.requireThere();
  });

  it('that cannot be reached is away until a look finds it', async () => {
    let reads = 0;
    const read = () => {
      reads += 1;
      return lost();
    };
    archive.look = lost;
    expect(await outcome(read)).toMatchObject({ code: 'ARCHIVE_UNAVAILABLE' });
    expect(reads).toBe(2);
    const looksBefore = archive.looks;
    for (let nth = 0; nth < 3; nth += 1) await expect(reach.requireThere()).rejects.toThrow(ArchiveUnavailable);
    expect(archive.looks - looksBefore).toBeLessThanOrEqual(2);
    archive.look = () => Promise.resolve([]);
    await jest.advanceTimersByTimeAsync(1_000);
    await reach.requireThere();
    await reach.requireThere();
  });

  it('that answers nothing is away, and those who ask then wait for one look at most', async () => {
    archive.look = silence;
    expect(await outcome(silence)).toBeInstanceOf(ArchiveUnavailable);
    await jest.advanceTimersByTimeAsync(1_000);
    await expect(reach.requireThere()).rejects.toThrow(ArchiveUnavailable);
    await jest.advanceTimersByTimeAsync(1_000);
    const many = Array.from({ length: 10 }, () => reach.requireThere().catch((error: Error) => error));
    await jest.advanceTimersByTimeAsync(1_000);
    for (const each of await Promise.all(many)) expect(each).toBeInstanceOf(ArchiveUnavailable);
    expect(archive.looks).toBe(2);
  });
});
