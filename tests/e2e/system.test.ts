import { describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import { SystemHarness } from './system-harness.ts';

/** Child processes and servers of this process: what a system is made of. */
function parts(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap' || name === 'TCPServerWrap');
}

describe('a system of which a part does not start', () => {
  it('leaves nothing of itself behind', async () => {
    const before = parts();
    // a setting of the API alone: the workers start
    const starting = SystemHarness.start({ faulty: true, env: { MILLRACE_SWEEP_MS: 'whenever' } });
    await expect(starting).rejects.toThrow('MILLRACE_SWEEP_MS');
    await eventually(() => parts().length === before.length);
  });
});
