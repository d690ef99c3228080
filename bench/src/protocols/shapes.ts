/** How the tokens of an answer come to an encoder. */
export interface Shape {
  readonly id: string;
  readonly label: string;
  /** tokens that the worker merged into one event */
  readonly perEvent: number;
  /** events that are encoded at a time */
  readonly perBatch: number;
}

export const SHAPES: readonly Shape[] = [
  { id: 'single', label: 'one token at a time', perEvent: 1, perBatch: 1 },
  { id: 'batch8', label: '8 events at a time', perEvent: 1, perBatch: 8 },
  { id: 'batch64', label: '64 events at a time', perEvent: 1, perBatch: 64 },
  { id: 'merged8', label: '8 tokens in an event', perEvent: 8, perBatch: 1 },
  { id: 'merged64', label: '64 tokens in an event', perEvent: 64, perBatch: 1 },
];
