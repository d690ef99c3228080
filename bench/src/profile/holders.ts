import type { Runtime } from 'node:inspector';

/** Node's own modules, by what they are for: the first that fits. */
const OF_NODE: readonly (readonly [module: RegExp, holder: string])[] = [
  [/^node:(internal\/)?(deps\/)?undici/, 'undici'],
  [/^node:_?http/, 'Node: HTTP'],
  [/^node:(net|internal\/(net|stream_base_commons|streams\/|js_stream)|_?stream)/, 'Node: sockets and streams'],
  [/^node:(timers|internal\/(timers|process\/|async_|promise_))/, 'Node: timers, ticks, async context'],
  [/^node:(events|internal\/(events|event_target|abort_controller))/, 'Node: events and signals'],
  [/^node:(crypto|internal\/crypto)/, 'Node: hashes and random ids'],
];

/** What V8 puts in a place of its own, by its name for it. */
const OF_V8: Readonly<Record<string, string>> = {
  '(garbage collector)': 'garbage collection',
  '(program)': 'outside of JavaScript: V8, libuv, the kernel',
};

/** Node's functions that write to a socket: nearly all of their time is the kernel's. */
const WRITES = new Set(['writev', 'writeBuffer', 'writeUtf8String', 'writeLatin1String', 'writeAsciiString']);

/** @returns who has a function, as a reader would name it: a package, one of this project's, a part of Node; null: a native
 *  function, which is whoever's calls it */
export function holderOf({ functionName, url }: Pick<Runtime.CallFrame, 'functionName' | 'url'>): string | null {
  if (url === '') return WRITES.has(functionName) ? 'writes to sockets' : (OF_V8[functionName] ?? null);
  if (url.startsWith('node:')) return OF_NODE.find(([module]) => module.test(url))?.[1] ?? 'Node: the rest';
  const dependency = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  const own = /\/(?:packages|services)\/([^/]+)\//.exec(url)?.[1];
  return own === undefined ? 'the rest' : `Millrace: ${own}`;
}
