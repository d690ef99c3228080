import type { HeapProfiler, Profiler } from 'node:inspector';
import { holderOf } from './holders.ts';

/** How much each holder has of a thing, in whatever unit. */
export type Holdings = ReadonlyMap<string, number>;

/** V8's name for the time in which a thread waits. */
const IDLE = '(idle)';

/** @returns the microseconds that a thread was busy, by who has the function that ran */
export function busyMicros({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Holdings {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const held = new Map<string, number>();
  for (const [nth, id] of samples.entries()) {
    if (byId.get(id)?.callFrame.functionName === IDLE) continue;
    // a sample stands for the time until the next one
    add(held, holderAbove(id), timeDeltas[nth + 1] ?? 0);
  }
  return held;

  function holderAbove(id: number | undefined): string | null {
    if (id === undefined) return null;
    const frame = byId.get(id)?.callFrame;
    return (frame && holderOf(frame)) ?? holderAbove(parents.get(id));
  }
}

/** @returns the bytes of what is alive, by who has the function that made it */
export function liveBytes({ head }: HeapProfiler.SamplingHeapProfile): Holdings {
  const held = new Map<string, number>();
  const collect = (node: HeapProfiler.SamplingHeapProfileNode, above: string | null) => {
    const holder = holderOf(node.callFrame) ?? above;
    if (node.selfSize > 0) add(held, holder, node.selfSize);
    for (const child of node.children) collect(child, holder);
  };
  collect(head, null);
  return held;
}

function add(held: Map<string, number>, holder: string | null, more: number): void {
  const name = holder ?? 'the rest';
  held.set(name, (held.get(name) ?? 0) + more);
}
