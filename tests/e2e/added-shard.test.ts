import { describe, expect, it } from '@jest/globals';
import { numbers, ServiceCalls } from './service-calls.ts';
import { ShardedSystem } from './sharded-system.ts';
import { idOf, type SystemHarness } from './system-harness.ts';

const ANSWER = ['word ', 'for ', 'word'];

describe('a shard that is added', () => {
  let system: SystemHarness;
  let calls: ServiceCalls;

  /** What was made before, and must be found by every process afterwards. */
  class Kept {
    readonly jobs: string[] = [];
    readonly threads: string[] = [];
    readonly keys = new Map<string, string>();

    /** Makes some of each. */
    async add(name: string, at?: string): Promise<void> {
      for (const nth of numbers(8)) {
        this.jobs.push(idOf(await calls.run({ query: 'kept' }, {}, at)));
        const chosen = `chosen-${name}-${nth}-of-its-client`;
        this.jobs.push(idOf(await calls.run({ query: 'kept' }, { 'x-request-id': chosen }, at)));
        const idempotencyKey = `${name} ${nth}`;
        this.keys.set(
          idempotencyKey,
          idOf(await calls.run({ query: 'kept' }, { 'idempotency-key': idempotencyKey }, at)),
        );
        const threadId = `thread-${name}-${nth}`;
        this.threads.push(threadId);
        this.jobs.push(idOf(await calls.run({ threadId, query: 'said 0' }, {}, at)));
      }
    }

    /** Looks for all of it at a node, and goes on in every thread. */
    async check(at: string): Promise<void> {
      for (const id of this.jobs) {
        expect(await calls.get(`/jobs/${id}`, at)).toMatchObject({ id, status: 'completed', text: ANSWER.join('') });
        if (id.startsWith('chosen-')) await calls.run({ query: 'kept' }, { 'x-request-id': id }, at);
      }
      for (const [idempotencyKey, id] of this.keys) {
        expect(idOf(await calls.run({ query: 'kept' }, { 'idempotency-key': idempotencyKey }, at))).toBe(id);
      }
      for (const threadId of this.threads) {
        const before = await calls.conversation(threadId, at);
        expect(before.length).toBeGreaterThanOrEqual(2);
        this.jobs.push(idOf(await calls.run({ threadId, query: `said ${before.length}` }, {}, at)));
        expect(await calls.conversation(threadId, at)).toHaveLength(before.length + 2);
      }
    }

    /** Of what there is, each in one place. */
    async places(sharded: ShardedSystem): Promise<{ jobs: Set<number>; threads: Set<number> }> {
      const jobs = await Promise.all(this.jobs.map((id) => sharded.placesOfJob(id)));
      const threads = await Promise.all(this.threads.map((id) => sharded.placesOfThread(id)));
      for (const places of [...jobs, ...threads]) expect(places).toHaveLength(1);
      return { jobs: new Set(jobs.flat()), threads: new Set(threads.flat()) };
    }
  }

  it.each([
    {
      name: 'to two',
      servers: 3,
      alone: ([a, b]: readonly string[]) => ({ REDIS_URLS: `${a} ${b}` }),
      grown: ([a, b, c]: readonly string[]) => ({ REDIS_URLS: `${a} ${b} | ${c}` }),
    },
    {
      name: 'to the only Redis',
      servers: 2,
      alone: ([a]: readonly string[]) => ({ REDIS_URL: `${a}` }),
      grown: ([a, b]: readonly string[]) => ({ REDIS_URLS: `${a} | ${b}` }),
    },
  ])(
    '$name: everything from before is found, and what is new goes there, too',
    async ({ name, servers, alone, grown }) => {
      await using sharded = await ShardedSystem.start({ servers, shards: (...urls) => alone(urls) });
      ({ system } = sharded);
      calls = new ServiceCalls(system, ANSWER.join(''));
      system.model.answer(ANSWER);
      const [old, all] = [new Set(numbers(servers - 1)), new Set(numbers(servers))];
      const kept = new Kept();
      await kept.add(`before-${name.replaceAll(' ', '-')}`);
      expect(await kept.places(sharded)).toEqual({ jobs: old, threads: old });
      const delayed = await calls.create({ query: 'kept', delayMs: 20_000, threadId: kept.threads[0] });
      const nodes = () => [system.node(0), system.node(1)];
      const everywhere = async () => {
        for (const at of nodes()) await kept.check(at);
      };

      // every process knows of it, and puts nothing there: meanwhile some of the others do not know of it
      let steps = 0;
      const sideBySide = async () => {
        steps += 1;
        await kept.add(`beside-${steps}`, system.node(steps));
        await everywhere();
      };
      await sharded.rollOut({ ...grown(sharded.urls), MILLRACE_SHARDS_IN_USE: String(servers - 1) }, sideBySide);
      expect(await kept.places(sharded)).toEqual({ jobs: old, threads: old });

      await sharded.rollOut({ ...grown(sharded.urls), MILLRACE_SHARDS_IN_USE: '' }, sideBySide);
      await kept.add('afterwards');
      await everywhere();
      expect(await calls.ended(delayed)).toBe('completed');
      expect(await kept.places(sharded)).toEqual({ jobs: all, threads: all });
      const found = (await calls.listed('/jobs?', 50)).map(({ id }) => id);
      expect(new Set(found).size).toBe(found.length);
      expect([...kept.jobs, ...kept.keys.values()].filter((id) => !found.includes(id))).toEqual([]);
      // nothing has moved, and what was there before is still where it was
      expect((await Promise.all(kept.jobs.slice(0, 8).map((id) => sharded.placesOfJob(id)))).flat()).not.toContain(
        servers - 1,
      );
    },
    1_800_000,
  );
});
