import { describe, expect, it } from '@jest/globals';
import { countsIn } from './redis-meter.ts';

describe('countsIn', () => {
  it('adds up the processor time and the scripts', () => {
    const info = [
      'total_commands_processed:1200',
      'used_cpu_sys:1.500000',
      'used_cpu_user:2.250000',
      'cmdstat_evalsha:calls=900,usec=1',
      'cmdstat_fcall_ro:calls=10,usec=1',
      'cmdstat_xadd:calls=900,usec=1',
    ].join('\r\n');
    expect(countsIn(info)).toEqual({ cpuMicros: 3_750_000, scripts: 910, commands: 1_200 });
  });
});
