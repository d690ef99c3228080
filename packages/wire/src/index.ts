export { UnframableEvent } from './sse/frame.ts';
export { SseFormat } from './sse/sse-format.ts';
export { quotedText } from './text/quoted-text.ts';
export { TextFormat } from './text/text-format.ts';
export type { Encoded, WireBatch, WireEncoder, WireFormat, WireOutcome } from './wire-format.ts';
