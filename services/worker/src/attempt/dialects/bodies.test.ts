import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { type Case, DONE, describeDialects, HELLO, STOP, whole } from './testing/dialect-server.ts';

const CASES: Readonly<Record<string, Case>> = {
  'a whole completion': {
    headers: { 'content-type': 'application/json' },
    body: whole({ role: 'assistant', content: 'Hello' }, { usage: { prompt_tokens: 1, completion_tokens: 2 } }),
    text: 'Hello',
    usage: [1, 2],
  },
  'a whole completion that calls itself a stream': { body: `\n ${whole({ content: 'Hello' })}`, text: 'Hello' },
  'a whole completion over many lines': {
    body: JSON.stringify(JSON.parse(whole({ content: 'Hello' })), null, 2),
    text: 'Hello',
  },
  'a whole completion without a finish reason': {
    body: JSON.stringify({ choices: [{ message: { content: 'Hello' } }] }),
    text: 'Hello',
    finishReason: 'stop',
  },
  'one line of JSON, the rest lost': {
    body: `${JSON.stringify({ choices: [{ delta: { content: 'Hello' } }] })}\n`,
    text: 'Hello',
    code: 'MODEL_ERROR',
  },
  'two lines of JSON, the rest lost': {
    body: `${JSON.stringify({ choices: [{ delta: { content: 'Hel' } }] })}\n${JSON.stringify({ choices: [{ delta: { content: 'lo' } }] })}\n`,
    text: 'Hello',
    code: 'MODEL_ERROR',
  },
  'a line of JSON for each chunk': {
    body: `${JSON.stringify({ choices: [{ delta: { content: 'Hel' } }] })}\n${JSON.stringify({ choices: [{ delta: { content: 'lo' }, finish_reason: 'stop' }] })}\n`,
    text: 'Hello',
  },
  ...Object.fromEntries(
    Object.entries({
      gzip: gzipSync,
      deflate: deflateSync,
      br: brotliCompressSync,
      zstd: zstdCompressSync,
      'deflate ': deflateRawSync,
      identity: (whole: Buffer) => whole,
    }).map(([encoding, compress]) => [
      `an answer as ${encoding.replace(' ', ' without its head')}`,
      { headers: { 'content-encoding': encoding }, body: compress(Buffer.from(HELLO + STOP + DONE)), text: 'Hello' },
    ]),
  ),
  'an answer that is not what its encoding says': {
    headers: { 'content-encoding': 'gzip' },
    body: HELLO + STOP + DONE,
    code: 'MODEL_ERROR',
  },
  'an encoding that nobody knows': {
    headers: { 'content-encoding': 'rot13' },
    body: HELLO + STOP + DONE,
    code: 'MODEL_ERROR',
  },
};

describeDialects('a body', CASES);
