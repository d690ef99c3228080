import { describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import { SystemHarness } from './system-harness.ts';

/** The child processes and servers of this process: the parts of a system. */
function parts(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap' || name === 'TCPServerWrap');
}

describe('a system with a part that does not start', () => {
  it('leaves nothing of itself behind', async () => {
    const before = parts();
    // only the API reads this setting: the workers start
    const starting = SystemHarness.start({ faulty: true, env: { MILLRACE_SWEEP_MS: 'whenever' } });
    await expect(starting).rejects.toThrow('MILLRACE_SWEEP_MS');
    await eventually(() => parts().length === before.length);
  });
});
