import { describe, expect, it } from '@jest/globals';
import { WorkerKiller } from './worker-killer.mjs';

const started = (requestId: string, tenant = 'default') => JSON.stringify({ tenant, requestId, msg: 'started' });
const kill = (requestId: string) => JSON.stringify({ tenant: 'default', requestId, msg: 'kill the worker' });

function worker(): { strikes: number; strike(): void } {
  return {
    strikes: 0,
    strike() {
      this.strikes += 1;
    },
  };
}

describe('WorkerKiller', () => {
  it('kills the worker that has started the job last, and no other', () => {
    const killer = new WorkerKiller();
    const [one, other] = [worker(), worker()];
    killer.note(one, started('a'));
    killer.note(other, started('b'));
    killer.obey(kill('a'));
    expect([one.strikes, other.strikes]).toEqual([1, 0]);
    killer.note(other, started('a'));
    killer.obey(kill('a'));
    expect([one.strikes, other.strikes]).toEqual([1, 1]);
  });

  it('leaves everybody alone for other lines, unknown jobs, and jobs of other tenants', () => {
    const killer = new WorkerKiller();
    const one = worker();
    killer.note(one, started('a', 'acme'));
    killer.note(one, JSON.stringify({ tenant: 'default', requestId: 'b', msg: 'completed' }));
    killer.note(one, JSON.stringify({ tenant: 'default', requestId: 'c', msg: 'x', said: '"msg":"started"' }));
    for (const line of [kill('a'), kill('b'), kill('c'), started('a', 'acme'), '{"msg":"kill the worker"', ''])
      killer.obey(line);
    expect(one.strikes).toBe(0);
  });

  it('forgets the oldest of very many jobs', () => {
    const killer = new WorkerKiller();
    const one = worker();
    for (let job = 0; job <= 1_000; job++) killer.note(one, started(`job-${job}`));
    killer.obey(kill('job-0'));
    expect(one.strikes).toBe(0);
    killer.obey(kill('job-1'));
    expect(one.strikes).toBe(1);
  });
});
