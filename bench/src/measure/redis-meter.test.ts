import { describe, expect, it } from '@jest/globals';
import { countsIn } from './redis-meter.ts';

describe('countsIn', () => {
  it('adds up processor time and scripts, and counts buffers of clients as no data', () => {
    const info = [
      'total_commands_processed:1200',
      'used_cpu_sys:1.500000',
      'used_cpu_user:2.250000',
      'cmdstat_evalsha:calls=900,usec=1',
      'cmdstat_fcall_ro:calls=10,usec=1',
      'cmdstat_xadd:calls=900,usec=1',
      'total_net_input_bytes:5000',
      'total_net_output_bytes:7000',
      'used_memory:1000000',
      'mem_clients_normal:20000',
      'mem_aof_buffer:8',
    ].join('\r\n');
    expect(countsIn(info)).toEqual({
      ...{ cpuMicros: 3_750_000, scripts: 910, commands: 1_200, events: 900 },
      ...{ bytesIn: 5_000, bytesOut: 7_000, dataBytes: 979_992 },
    });
  });
});
