import { describe, expect, it } from '@jest/globals';
import { FrameParser } from './frame-parser.ts';

function framesOf(reads: readonly string[]): string[] {
  const frames: string[] = [];
  const parser = new FrameParser(
    ({ event, data }) => frames.push(`${event ?? ''}|${data}`),
    () => frames.push('too long'),
  );
  for (const read of reads) parser.feed(read);
  parser.end();
  return frames;
}

const STREAM = 'data: {"a":1}\n\nerror: {"code":400}\n\n: hb\n\nevent: ping\ndata: 1\n\n{"error":"x"}\n\ndata: [DONE]';
const FRAMES = ['|{"a":1}', 'error|{"code":400}', 'ping|1', '|{"error":"x"}', '|[DONE]'];

describe('the frames of a model’s answer', () => {
  it.each([
    ['LF', STREAM],
    ['CRLF', STREAM.replaceAll('\n', '\r\n')],
    ['CR', STREAM.replaceAll('\n', '\r')],
  ])('are the same with %s, wherever a read ends, and with errors beside them', (_, stream) => {
    expect(framesOf([stream])).toEqual(FRAMES);
    expect(framesOf([...stream])).toEqual(FRAMES);
    for (let cut = 1; cut < stream.length; cut += 1) {
      expect(framesOf([stream.slice(0, cut), stream.slice(cut)])).toEqual(FRAMES);
    }
  });

  it('take no text within a frame for an error beside it', () => {
    expect(framesOf(['data: error: ', '{"a":1}\n', 'data: {', '"b":2}\n\n'])).toEqual(['|error: {"a":1}\n{"b":2}']);
  });
});
