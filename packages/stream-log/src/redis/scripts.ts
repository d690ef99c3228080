import { type RedisConnection, type RunScripts, Scripts } from './define-scripts.ts';

export { namedReply, publishCommand, type RedisConnection } from './define-scripts.ts';

/** Each change of a job is one script (law 3). */
const scripts = new Scripts(new URL('../../lua/', import.meta.url), 'millrace', {
  job: {
    open: [3, 'format'],
    begin: [3, 'format'],
    append: [3],
    close: [3, 'format', 'attempt-usage'],
    release: [2, 'attempt-usage'],
    usage: [1, 'attempt-usage'],
    place: [1, 'format'],
    erase: [3, 'format'],
    page: [1],
    renumber: [3, 'format'],
    archived: [2],
    'thaw-part': [1],
    thaw: [4],
  },
  registry: {
    admit: [12, 'holder', 'ledger'],
    join: [2],
    drop: [13, 'holder', 'ledger'],
    start: [2],
    retire: [13, 'unpark', 'ledger', 'ledger-count'],
    purge: [8, 'holder', 'ledger'],
    account: [2],
    limit: [1, 'ledger'],
    reserve: [1, 'ledger'],
    meter: [3, 'ledger', 'ledger-count'],
    note: [2],
    keep: [1],
    pickup: [5],
    park: [3],
    free: [2, 'unpark'],
    position: [2],
    claim: [1],
    unreserve: [1],
    report: [3],
    survey: [5],
    share: [2],
    'take-unarchived': [5],
    'note-archived': [6],
    'note-erased': [2],
    'mark-erased': [1],
    thawing: [4],
    'take-sweep': [1],
  },
  encryption: { rewrap: [1] },
});

type RunAll = ReturnType<typeof scripts.on>;
export type RunScript =
  RunAll extends RunScripts<infer Name> ? (...call: Parameters<RunScripts<Name>>) => Promise<unknown> : never;

/** Defines the scripts on a connection. */
export function scriptsOf(redis: RedisConnection): RunScript {
  return scripts.on(redis);
}
