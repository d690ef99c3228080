const LINE_END = '\r\n';

/** The last bytes that were framed: the readers of a job are given the same ones, one after the other. */
let last: { readonly bytes: Buffer; readonly chunk: Buffer } | null = null;

/** Bytes as a chunk of an HTTP/1.1 body, made once for all who are given the same in turn.
 *  @param bytes at least one: a chunk of none is the end of the body
 *  @see RFC 9112 §7.1 */
export function chunkOf(bytes: Buffer): Buffer {
  if (last?.bytes === bytes) return last.chunk;
  const head = bytes.length.toString(16) + LINE_END;
  const chunk = Buffer.allocUnsafe(head.length + bytes.length + LINE_END.length);
  chunk.write(head, 'latin1');
  bytes.copy(chunk, head.length);
  chunk.write(LINE_END, head.length + bytes.length, 'latin1');
  last = { bytes, chunk };
  return chunk;
}
