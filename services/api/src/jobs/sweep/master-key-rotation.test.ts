import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@millrace/runtime';
import type { ContentCipher, RewrapReport } from '@millrace/stream-log';
import { MasterKeyRotation } from './master-key-rotation.ts';

const REPORT: RewrapReport = {
  ...{ rewrapped: 0, current: 'new', unused: [], missing: ['gone'], malformed: [], wrappedBy: new Map() },
};

describe('the master keys of a service with one alone', () => {
  it('are looked through now and then, and it is told once which are missing', async () => {
    const log: string[] = [];
    const logger = createLogger({ service: 'test', level: 'info', destination: { write: (line) => log.push(line) } });
    let passes = 0;
    const rewrapAll = async () => {
      passes += 1;
      return REPORT;
    };
    const cipher = { hasOldKeys: false, rewrapAll } as unknown as ContentCipher;
    const rotation = new MasterKeyRotation(cipher, logger);
    const { signal } = new AbortController();
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await rotation.run(signal);
    expect(log.map((line) => JSON.parse(line))).toMatchObject([
      { msg: 'master keys are missing that wrap data keys', masterKeys: ['gone'] },
    ]);
    // it reads all data keys, so not with each sweep
    expect(passes).toBe(1);
  });
});
