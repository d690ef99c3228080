import type { Projection, Step, StepContext } from '../../projection/projection.ts';
import { type ProjectionCursor, ProjectionFormat } from '../../projection/projection-format.ts';
import type { ReadEvent } from '../../projection/read-event.ts';

/** A piece of text continues what the piece before it belongs to. */
interface State {
  readonly hasGreeted: boolean;
  readonly pieces: number;
}

/** A test-only protocol that cannot take back what it said. A frame is a line `<id> <number> <word> <JSON>`; before the first
 *  event it greets, so that it has a frame that says nothing of the answer. */
const projection: Projection<State> = {
  contentType: 'text/x-projected',
  headers: () => ({}),
  initial: () => ({ hasGreeted: false, pieces: 0 }),
  step(state, event, context): Step<State> {
    const greeting = state.hasGreeted ? [] : [lineOf(event, context, 'hello', 'null')];
    const number = context.number + greeting.length;
    const words = wordsOf(event);
    const frames = words === null ? [] : [lineOf(event, { ...context, number }, ...words)];
    return {
      state: { hasGreeted: true, pieces: state.pieces + frames.length },
      frames: [...greeting, ...frames],
    };
  },
  diverged: (_, context) => [`- ${context.number} diverged null\n`],
};

/** One format for each kind of cursor. */
export const projectedFormats = (['none', 'event', 'attempt-frame', 'frame'] as const).map(
  (cursor) => [cursor, new ProjectionFormat(projection, { cursor, heartbeat: null })] as const,
) satisfies [ProjectionCursor, ProjectionFormat<State>][];

function lineOf({ id }: ReadEvent, { number }: StepContext, word: string, json: string): string {
  return `${id} ${number} ${word} ${json}\n`;
}

function wordsOf({ type, data }: ReadEvent): [string, string] | null {
  if (type === 'accepted' || type === 'started') return null;
  return [type, JSON.stringify(data)];
}
