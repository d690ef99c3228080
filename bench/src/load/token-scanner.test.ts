import { describe, expect, it } from '@jest/globals';
import { stampedToken } from '@millrace/simulated-model/paced';
import { TokenScanner } from './token-scanner.ts';

function scan(...reads: string[]) {
  const scanner = new TokenScanner();
  const stamps: number[] = [];
  for (const read of reads) scanner.read(Buffer.from(read), (micros) => stamps.push(micros));
  return { tokens: scanner.tokens, stamps };
}

const frame = (micros: number) => `id: 1-2\ndata: {"text":"${stampedToken(micros)}"}\n\n`;

describe('TokenScanner', () => {
  it('finds each token and its stamp, merged or not', () => {
    const merged = `data: {"text":"${stampedToken(3)}${stampedToken(4)}"}\n\n`;
    expect(scan(frame(1), frame(2) + merged)).toEqual({ tokens: 4, stamps: [1, 2, 3, 4] });
  });

  it('finds a stamp that two reads share, wherever it is cut', () => {
    const text = frame(123_456_789) + frame(5);
    for (let cut = 0; cut <= text.length; cut += 1) {
      expect(scan(text.slice(0, cut), text.slice(cut))).toEqual({ tokens: 2, stamps: [123_456_789, 5] });
    }
  });

  it('counts a token whose stamp the frame of a chunk has cut, and gives it no time', () => {
    expect(scan('~0000\r\n4\r\n00001')).toEqual({ tokens: 1, stamps: [] });
  });
});
