import { describe, expect, it } from '@jest/globals';
import { MessageLoss } from './message-loss.ts';

const REPLIES = [
  '+PONG\r\n',
  '*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$9\r\nold\ndöne\r\n',
  '*-1\r\n',
  '*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\nkeep\r\n',
  '$-1\r\n',
  '*2\r\n*1\r\n:1\r\n$6\r\ndo\r\nne\r\n',
  '%1\r\n+done\r\n,1.5\r\n',
  '_\r\n',
  '>3\r\n$9\r\nsubscribe\r\n$4\r\ndone\r\n:1\r\n',
  '>3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$5\r\ndöne\r\n',
];

describe('a loss of messages', () => {
  it('drops the messages that match and nothing else, however the bytes are split', () => {
    const bytes = Buffer.from(REPLIES.join(''));
    const wanted = REPLIES.filter((reply) => !reply.includes('döne')).join('');
    for (let size = 1; size <= bytes.length; size += 1) {
      const loss = new MessageLoss((payload) => payload.endsWith('döne'));
      const filter = loss.filter();
      const delivered: Buffer[] = [];
      for (let start = 0; start < bytes.length; start += size) {
        delivered.push(filter(bytes.subarray(start, start + size)));
      }
      expect([String(Buffer.concat(delivered)), loss.count]).toEqual([wanted, 2]);
    }
  });
});
