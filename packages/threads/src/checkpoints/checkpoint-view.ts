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
/** The path of a task that a node's channel has triggered, and of one that was sent to a node: its place among the sends. */
const TRIGGERED = /^~__pregel_pull, (.+)$/;
const SENT = /^~__pregel_push, (\d+)/;
const INTERNAL = /^(__|branch:|join:|start:)/;

interface SerializedWrite {
  readonly taskId: string;
  /** of the task, as LangGraph writes it; '' in versions that do not tell */
  readonly path: string;
  readonly channel: string;
  readonly value: unknown;
}

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
  readonly writes: readonly SerializedWrite[];
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

function interruptsOf(checkpoint: SerializedCheckpoint): Interrupt[] {
  return checkpoint.writes
    .filter(({ channel }) => channel === INTERRUPT)
    .flatMap(({ value, path }) => {
      const node = nodeOf(path, checkpoint);
      return (Array.isArray(value) ? value : [value]).filter(isObject).map((interrupt) => ({
        interruptId: String(interrupt['id'] ?? ''),
        value: plain(interrupt['value']) ?? null,
        ...(node === undefined ? {} : { node }),
      }));
    });
}

/** @param path of a task
 *  @returns the node that it runs */
function nodeOf(path: string, checkpoint: SerializedCheckpoint): string | undefined {
  const [, triggered] = TRIGGERED.exec(path) ?? [];
  if (triggered !== undefined) return triggered;
  const [, place] = SENT.exec(path) ?? [];
  const sends = checkpoint.values[TASKS];
  const send: unknown = place === undefined || !Array.isArray(sends) ? undefined : sends[Number(place)];
  if (isObject(send)) return String(send['node']);
  // without a path, only one that is alone can be meant
  const next = nextNodes(checkpoint);
  return next.length === 1 ? next[0] : undefined;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
