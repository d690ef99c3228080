import type { ByteFilter } from '../network/start-fault-proxy.ts';

/** Drops chosen pub/sub messages, as Redis may do at any time: everything else on the connection arrives, so nobody
 *  notices. For {@link FaultProxy.filter}. */
export class MessageLoss {
  private lost = 0;

  /** @param matches whether to drop the message with this payload */
  constructor(private readonly matches: (payload: string) => boolean) {}

  /** messages dropped so far, counted once per connection */
  get count(): number {
    return this.lost;
  }

  /** The filter of one new connection. */
  filter(): ByteFilter {
    let rest: Buffer = Buffer.alloc(0);
    return (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      const delivered: Buffer[] = [];
      for (let end = endOfReply(rest, 0); end !== -1; end = endOfReply(rest, 0)) {
        const reply = rest.subarray(0, end);
        rest = rest.subarray(end);
        if (this.loses(reply)) this.lost += 1;
        else delivered.push(reply);
      }
      return Buffer.concat(delivered);
    };
  }

  private loses(reply: Buffer): boolean {
    // >3 $7 message $… channel $… payload; an array instead of a push in RESP2
    const [size = '', , kind = '', , , , payload = ''] = String(reply).split('\r\n');
    return /^[>*]3$/.test(size) && /^s?message$/.test(kind) && this.matches(payload);
  }
}

/** Types whose size counts bytes; for the others, how many elements each counted one stands for. */
const BULKS = new Set(['$', '!', '=']);
const ELEMENTS: Readonly<Record<string, number>> = { '*': 1, '~': 1, '>': 1, '%': 2, '|': 2 };

/** @returns where the reply that begins at `start` ends; -1 when it is incomplete
 *  @see https://redis.io/docs/latest/develop/reference/protocol-spec/ */
function endOfReply(bytes: Buffer, start: number): number {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd === -1) return -1;
  const type = String.fromCharCode(bytes[start] ?? 0);
  const size = Number(bytes.toString('latin1', start + 1, lineEnd));
  let end = lineEnd + 2;
  if (BULKS.has(type) && size >= 0) {
    end += size + 2;
    return end <= bytes.length ? end : -1;
  }
  const elements = size * (ELEMENTS[type] ?? 0);
  for (let element = 0; element < elements && end !== -1; element += 1) end = endOfReply(bytes, end);
  return end;
}
