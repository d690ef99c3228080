import type { StateMode } from '@millrace/contracts';
import { type Path, pointerTo, RequestFault } from '../foreign/request-fault.ts';

/** What a stream of a run may hold. */
export const RUN_MODES = ['values', 'updates', 'messages-tuple', 'messages', 'custom', 'tasks', 'checkpoints'] as const;
export type RunMode = (typeof RUN_MODES)[number];

/** What a stream of a run holds. */
export interface RunStream {
  readonly modes: ReadonlySet<RunMode>;
  /** whether what subgraphs say is told, too */
  readonly subgraphs: boolean;
  /** whether the texts of messages are kept in any case */
  readonly keepsText?: boolean;
}

/** How many words a request may name. */
const MOST_MODES = 32;

/** Reads `stream_mode`: a word, a list of words, or the JSON of a list, as older clients write it into a URL.
 *  @returns `values` if none is named
 *  @throws RequestFault */
export function readModes(given: unknown, at: Path): ReadonlySet<RunMode> {
  const words = wordsOf(given);
  if (words === null || words.length > MOST_MODES) throw fault(at);
  if (words.length === 0) return new Set(['values']);
  words.forEach((word, index) => {
    if (!isMode(word)) throw fault(Array.isArray(given) ? [...at, index] : at);
  });
  return new Set(RUN_MODES.filter((mode) => words.includes(mode)));
}

/** Those of an agent that its job must be asked for. */
export function stateModesOf(modes: ReadonlySet<RunMode>): StateMode[] {
  return (['values', 'updates', 'tasks', 'checkpoints'] as const).filter((mode) => modes.has(mode));
}

function wordsOf(given: unknown): readonly unknown[] | null {
  if (given === undefined || given === null || given === '') return [];
  if (Array.isArray(given)) return given;
  if (typeof given !== 'string') return null;
  if (!given.startsWith('[')) return [given];
  try {
    const list: unknown = JSON.parse(given);
    return Array.isArray(list) ? list : null;
  } catch {
    return null;
  }
}

function isMode(word: unknown): word is RunMode {
  return RUN_MODES.includes(word as RunMode);
}

function fault(at: Path): RequestFault {
  const detail = `must be of ${RUN_MODES.join(', ')}: others are not supported`;
  return new RequestFault([{ pointer: pointerTo(at), detail }]);
}
