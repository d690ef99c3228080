import type { Interrupt } from '@millrace/contracts';
import { plain } from './plain-values.ts';
import type { CheckpointOrigin, CheckpointView } from './ports.ts';

type Fields = Readonly<Record<string, unknown>>;

/** LangGraph's names for its own channels. */
const TASKS = '__pregel_tasks';
const INPUT = '__start__';
const INTERRUPT = '__interrupt__';
const WHOLE_STATE = '__root__';
const TO_NODE = 'branch:to:';
const INTERNAL = /^(__|branch:|join:|start:)/;

/** A checkpoint as LangGraph's serializer has written it, as JSON. */
export interface SerializedCheckpoint {
  readonly checkpointId: string;
  readonly parentId: string | null;
  readonly createdAt: string;
  readonly channelVersions: Readonly<Record<string, number | string>>;
  readonly versionsSeen: Readonly<Record<string, Readonly<Record<string, number | string>>>>;
  readonly metadata: Fields;
  /** by channel */
  readonly values: Fields;
  readonly writes: readonly { readonly taskId: string; readonly channel: string; readonly value: unknown }[];
}

/** What callers see of a checkpoint. */
export function viewOf(checkpoint: SerializedCheckpoint): CheckpointView {
  const { checkpointId, parentId, createdAt, values } = checkpoint;
  const { millrace, ...metadata } = plain(checkpoint.metadata) as Fields;
  const channels = Object.entries(values).filter(([channel]) => !INTERNAL.test(channel));
  const whole = plain(values[WHOLE_STATE]);
  return {
    ...{ checkpointId, parentId, createdAt, metadata },
    values: isObject(whole) ? whole : Object.fromEntries(channels.map(([channel, value]) => [channel, plain(value)])),
    next: nextNodes(checkpoint),
    interrupts: interruptsOf(checkpoint),
    origin: (millrace as CheckpointOrigin | undefined) ?? null,
  };
}

/** A node runs next when its channel has been written to since it last ran, or a task was sent to it. */
function nextNodes({ values, channelVersions, versionsSeen }: SerializedCheckpoint): string[] {
  const triggered = Object.keys(values).flatMap((channel) => {
    const node = channel === INPUT ? INPUT : channel.startsWith(TO_NODE) ? channel.slice(TO_NODE.length) : null;
    if (node === null || channelVersions[channel] === undefined) return [];
    const seen = versionsSeen[node]?.[channel];
    return seen === undefined || isLater(channelVersions[channel], seen) ? [node] : [];
  });
  const sends = Array.isArray(values[TASKS]) ? values[TASKS] : [];
  const sent = sends.flatMap((send: unknown) => (isObject(send) ? [String(send['node'])] : []));
  return [...new Set([...triggered, ...sent])];
}

function isLater(version: number | string, seen: number | string): boolean {
  return typeof version === 'number' && typeof seen === 'number' ? version > seen : String(version) > String(seen);
}

function interruptsOf({ writes }: SerializedCheckpoint): Interrupt[] {
  return writes
    .filter(({ channel }) => channel === INTERRUPT)
    .flatMap(({ value }) => (Array.isArray(value) ? value : [value]))
    .filter(isObject)
    .map((interrupt) => ({ interruptId: String(interrupt['id'] ?? ''), value: plain(interrupt['value']) ?? null }));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
