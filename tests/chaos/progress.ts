import type { Load } from './load.ts';
import type { Struck } from './strikes.ts';

const EVERY_MS = 5_000;

/** Prints a line every few seconds: the time, the progress of the load, and the faults since the last line.
 *  @param startedAt `performance.now()` at the start of the run
 *  @returns dispose of it at the end */
export function showProgress(startedAt: number, load: Load, struck: readonly Struck[]): Disposable {
  let shown = 0;
  const show = () => {
    const news = struck.slice(shown).map(({ kind }) => kind);
    shown = struck.length;
    console.log(`${line(startedAt, load)}  ${news.join(', ')}`.trimEnd());
  };
  const timer = setInterval(show, EVERY_MS);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      show();
    },
  };
}

function line(startedAt: number, { jobs }: Load): string {
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const readers = jobs.flatMap(({ seen }) => seen);
  const events = readers.reduce((sum, reader) => sum + reader.events.length, 0);
  const open = jobs.filter(({ over }) => !over).length;
  return `${String(seconds).padStart(4)} s  ${jobs.length} jobs, ${open} open, ${events} events`;
}
