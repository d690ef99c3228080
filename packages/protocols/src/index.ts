export { UnframableEvent } from './native/frame.ts';
export { SseFormat } from './native/frames.ts';
export type { Encoded, WireBatch, WireEncoder, WireFormat, WireOutcome } from './protocol.ts';
export { TextFormat } from './text/frames.ts';
