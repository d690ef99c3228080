import { describe, expect, it } from '@jest/globals';
import { socketsTo } from './connections-to.ts';

describe('socketsTo', () => {
  it('finds the sockets whose other side is the port', () => {
    const tcp = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0',
      '   1: 0100007F:C350 0100007F:18EB 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0 20 4 30 10 -1',
      '   2: 0100007F:18EB 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 20 4 30 10 -1',
    ].join('\n');
    expect([...socketsTo(6_379, tcp)]).toEqual(['socket:[12]']);
  });
});
