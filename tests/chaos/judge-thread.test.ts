import { describe, expect, it } from '@jest/globals';
import { Random, type SseEvent } from '@millrace/testing';
import { judgeTask } from '../stepper/judge-task.ts';
import { saidBefore, stepsOf, type Task } from '../stepper/stepper-model.ts';
import { answerOf, type JobPlan, type OnBusy } from './job-plan.ts';
import { judgeThread } from './judge-thread.ts';
import { type Copy, type Follower, line, type Testimony, type ThreadTestimony } from './testimony.ts';
import type { Reply, ThreadPlan } from './thread-plan.ts';

/** A log while it is written: numbers its events. */
class Log {
  readonly events: SseEvent[] = [];
  private seq = 1;

  constructor(private attempt = 0) {
    this.add('accepted');
  }

  begin(attempt: number): this {
    [this.attempt, this.seq] = [attempt, 1];
    if (attempt > 1) this.add('reset');
    return this.add('started');
  }

  /** What the stepper says of a step, all of it or its first words. */
  step(task: Task, step: number, call = 1, words = task.words): this {
    this.add('message_start', { messageId: `m${step}.${call}` });
    const said = saidBefore(task, step, call);
    for (const text of said.filter((each) => typeof each === 'string').slice(0, words)) this.add('message', { text });
    if (words < task.words) return this;
    for (const each of said)
      if (typeof each === 'object' && 'toolCall' in each) this.call(each.toolCall.id, task, step);
    return this.add('message_end', { messageId: `m${step}.${call}`, finishReason: 'stop' });
  }

  report(steps: readonly string[]): this {
    this.add('message_start', { messageId: 'report' }).add('message', { text: JSON.stringify(steps) });
    return this.add('message_end', { messageId: 'report', finishReason: 'stop' });
  }

  add(event: string, data: object = {}): this {
    this.events.push({ id: `${this.attempt}-${this.seq}`, event, data, at: 0 });
    this.seq += 1;
    return this;
  }

  private call(callId: string, task: Task, step: number): void {
    this.add('tool_call', { callId });
    if (step !== task.asksAt) this.add('tool_result', { callId });
  }
}

const TASK: Task = { name: '1', steps: 2, words: 3, asksAt: null };
const done = { finishReason: 'stop' };

/** The whole of a task in one attempt. */
function doneWith(task: Task, before: readonly string[] = []): SseEvent[] {
  const log = new Log().begin(1);
  for (let step = 0; step <= task.steps; step += 1) log.step(task, step);
  return log.report([...before, ...stepsOf(task)]).add('done', done).events;
}

describe('judgeTask', () => {
  const defects = (log: Log | readonly SseEvent[], task = TASK) => {
    return judgeTask(task, log instanceof Log ? log.events : log).map(({ defect }) => defect);
  };

  it('lets pass a whole answer, one that was cancelled, and one that goes on from a checkpoint', () => {
    expect(defects(doneWith(TASK))).toEqual([]);
    expect(defects(new Log().begin(1).step(TASK, 0).step(TASK, 1, 1, 2).add('cancelled'))).toEqual([]);
    const killed = new Log().begin(1).step(TASK, 0).step(TASK, 1, 1, 2);
    const again = killed.begin(2).step(TASK, 0).step(TASK, 1, 2).step(TASK, 2).report(stepsOf(TASK)).add('done', done);
    expect(defects(again)).toEqual([]);
    const twice = new Log().begin(1).step(TASK, 0).begin(2).step(TASK, 0, 1, 1).begin(3).step(TASK, 0).add('cancelled');
    expect(defects(twice)).toEqual([]);
  });

  it.each<[string, string, Log]>([
    ['lost', 'a step', new Log().begin(1).step(TASK, 0).step(TASK, 2).report([]).add('done', done)],
    ['lost', 'a word', new Log().begin(1).step(TASK, 0, 1, 2).step(TASK, 1).step(TASK, 2).report([]).add('done', done)],
    ['repeated', 'a step', new Log().begin(1).step(TASK, 0).step(TASK, 0, 2).add('cancelled')],
    ['zombie', 'a call that was broken off', new Log().begin(1).step(TASK, 0, 1, 2).begin(2).step(TASK, 0)],
    ['lost', 'the end of a message', new Log().begin(1).step(TASK, 0, 1, 2).step(TASK, 1).add('cancelled')],
  ])('counts as %s: %s', (defect, _name, log) => {
    expect(defects(log)).toContain(defect);
  });
});

const THREAD = 'a-thread';

function plan(index: number, onBusy: OnBusy, more: Partial<JobPlan> = {}): JobPlan {
  const task = { ...TASK, name: String(index) };
  const place = { threadId: THREAD, onBusy, answer: null };
  return { ...answerOf(index, 0, new Random(1)), tenant: 'red', temper: 'speaks', task, place, ...more };
}

/** A job that ran for a second from its number's second, asked for right before. */
function job(of: JobPlan, log: readonly SseEvent[], more: Partial<Testimony> = {}): Testimony {
  const at = of.index * 1_000;
  const posted = { what: 'POST' as const, at: at - 200, answeredAt: at - 100, status: 200, id: `job-${of.index}` };
  const times = { startedAt: performance.timeOrigin + at, finishedAt: performance.timeOrigin + at + 1_000 };
  return { plan: of, id: posted.id, asks: [posted], seen: [], read: [], log, ...times, isErased: false, ...more };
}

function refused(of: JobPlan, more: Partial<Testimony> = {}): Testimony {
  const { asks, ...rest } = job(of, []);
  const times = { startedAt: null, finishedAt: null };
  return { ...rest, ...times, id: null, asks: asks.map((each) => ({ ...each, status: 409, id: null })), ...more };
}

function thread(jobs: readonly Testimony[], held: readonly string[], more: Partial<ThreadTestimony> = {}) {
  const order = jobs.flatMap(({ id, startedAt }) => (id === null || startedAt === null ? [] : [id]));
  const empty = { copies: [], followers: [], told: [], isDeleted: false, wasBusy: false, left: [], statuses: [] };
  const of: ThreadPlan = {
    ...{ id: THREAD, atMs: 0, tenant: 'red', talk: 'agent', jobs: [], questions: [], copy: null, followers: [] },
    isDeleted: false,
  };
  return { plan: of, jobs, status: 'idle', held, order, ...empty, ...more };
}

const defects = (testimony: ThreadTestimony) => judgeThread(testimony).map(({ defect }) => defect);

describe('judgeThread', () => {
  const [first, second, third] = [plan(1, 'enqueue'), plan(2, 'enqueue'), plan(3, 'enqueue')];
  const steps = (of: JobPlan) => stepsOf(of.task ?? TASK);
  const both = [...steps(first), ...steps(second)];
  const whole = (of: JobPlan, before: readonly string[] = []) => job(of, doneWith(of.task ?? TASK, before));
  const jobs = [whole(first), whole(second, steps(first))];
  const deleted = { status: null, isDeleted: true };
  const copy = (before: readonly string[], own: readonly string[] = steps(third)): Copy => {
    return { id: 'a-copy', held: [...before, ...own], job: whole(third, before) };
  };
  const eventsOf = (of: JobPlan) => {
    return doneWith(of.task ?? TASK).map((event) => ({ ...event, id: `job-${of.index}/${event.id}` }));
  };
  const follower = (events: readonly SseEvent[]): Follower => {
    const seen = { name: 'follower', events, refusals: [], connections: 1, left: false };
    return { ...seen, begins: '0/0-0', isGone: false };
  };

  it('lets pass the steps of all jobs, in order, a copy of some, and a follower of all', () => {
    const same = [job(first, doneWith(first.task ?? TASK)), job(second, doneWith(second.task ?? TASK))];
    const followers = [follower([...eventsOf(first), ...eventsOf(second)])];
    expect(defects(thread(jobs, both, { copies: [copy(both.slice(0, 3))] }))).toEqual([]);
    expect(judgeThread(thread(same, both, { followers })).filter(({ what }) => what.startsWith('follower'))).toEqual(
      [],
    );
  });

  it.each<[string, string, ThreadTestimony]>([
    ['lost', 'a step', thread(jobs, both.slice(0, 3))],
    ['repeated', 'a step', thread(jobs, [...both, both[1] ?? ''])],
    ['lost', 'a step that the last message does not say', thread([jobs[0] as Testimony, whole(second)], both)],
    ['overlapped', 'two jobs', thread([job(first, doneWith(TASK), { finishedAt: null }), jobs[1] as Testimony], both)],
    ['zombie', 'a copy with more than its original', thread(jobs, both, { copies: [copy([...both, 'x'])] })],
    ['lost', 'a copy without the steps of its job', thread(jobs, both, { copies: [copy(both, [])] })],
    ['lost', 'a turn', thread(jobs, both, { order: ['job-2'] })],
    ['reordered', 'turns', thread(jobs, both, { order: ['job-2', 'job-1'] })],
    ['hung', 'a follower', thread(jobs, both, { followers: [follower(eventsOf(first))] })],
    ['lost', 'a job that a follower did not get', thread(jobs, both, { followers: [follower(eventsOf(second))] })],
    ['hung', 'a follower of a deleted thread', thread(jobs, [], { ...deleted, followers: [follower([])] })],
    ['hung', 'a thread that stays busy', thread(jobs, both, { status: 'busy' })],
    ['lost', 'a refusal without a reason', thread([...jobs, refused(plan(3, 'enqueue'))], both)],
    ['zombie', 'a key of a deleted thread', thread(jobs, [], { ...deleted, left: ['a key'] })],
  ])('counts as %s: %s', (defect, _name, testimony) => {
    expect(defects(testimony)).toContain(defect);
  });

  it('lets pass a refusal of a busy thread, not one of an idle thread', () => {
    const patient = refused(plan(2, 'reject'));
    expect(defects(thread([whole(first), patient], steps(first)))).toEqual([]);
    expect(defects(thread([patient, whole(plan(300, 'enqueue'))], steps(plan(300, 'enqueue'))))).toEqual(['lost']);
  });

  it('wants nothing of a job that was rolled back, and its steps of one that was interrupted', () => {
    const task = first.task ?? TASK;
    const stoppedLog = new Log().begin(1).step(task, 0).step(task, 1, 1, 1).add('cancelled', { by: 'thread' }).events;
    const stopped = job(first, stoppedLog);
    const ends = (onBusy: OnBusy, before: readonly string[]) => {
      const next = plan(2, onBusy);
      const { asks, ...rest } = whole(next, before);
      return { ...rest, asks: asks.map((each) => ({ ...each, at: 1_500, answeredAt: 1_600 })) };
    };
    const kept = steps(first).slice(0, 1);
    expect(defects(thread([stopped, ends('rollback', [])], steps(second)))).toEqual([]);
    expect(defects(thread([stopped, ends('rollback', kept)], [...kept, ...steps(second)]))).toContain('zombie');
    expect(defects(thread([stopped, ends('interrupt', kept)], [...kept, ...steps(second)]))).toEqual([]);
    expect(defects(thread([stopped, ends('interrupt', [])], steps(second)))).toContain('lost');
  });

  describe('with a question', () => {
    const task: Task = { ...TASK, name: '1', asksAt: 0 };
    const asks = plan(1, 'enqueue', { task });
    const question = { interruptId: 'q', value: { task: '1', step: 0 } };
    const asked = new Log()
      .begin(1)
      .step(task, 0)
      .add('interrupt', question)
      .add('done', { finishReason: 'interrupt' });
    const answering = (index: number, answer: string) => {
      return plan(index, 'enqueue', { task, place: { threadId: THREAD, onBusy: 'enqueue', answer } });
    };
    const answers = [answering(2, 'yes'), answering(3, 'no')];
    const held = stepsOf(task, 'yes');
    const resumed = new Log().begin(1).step(task, 1).step(task, 2).report(held).add('done', done).events;
    const conversation = (answered: readonly Testimony[], reply: Reply = 'two') => {
      const testimony = thread([job(asks, asked.events), ...answered], held);
      const of = { ...testimony.plan, talk: 'questions' as const, questions: [{ asks, reply, answers, inCopy: null }] };
      return { ...testimony, plan: of };
    };

    it('lets pass one answer of two', () => {
      const late = { ...refused(answers[1] as JobPlan) };
      expect(defects(conversation([job(answers[0] as JobPlan, resumed), late]))).toEqual([]);
    });

    it('counts as repeated two answers that were both taken', () => {
      const two = answers.map((each) => job(each, resumed));
      expect(defects(conversation(two))).toContain('repeated');
    });

    it('counts as lost a question of which no answer was taken', () => {
      expect(defects(conversation(answers.map((each) => refused(each))))).toContain('lost');
    });
  });

  describe('of a chat', () => {
    const chat = (index: number, onBusy: OnBusy = 'enqueue') => plan(index, onBusy, { task: null });
    const log = (text: string) => new Log().begin(1).add('message', { text }).add('done', done).events;
    const [one, two] = [job(chat(1), log('one')), job(chat(2), log('two'))];
    const memory = [
      line('user', 'chaos 1'),
      line('assistant', 'one'),
      line('user', 'chaos 2'),
      line('assistant', 'two'),
    ];
    const talk = (held: readonly string[], told: readonly (readonly string[])[] = []) => {
      const testimony = thread([one, two], held, { told });
      return { ...testimony, plan: { ...testimony.plan, talk: 'chat' as const } };
    };

    it('compares the memory with what was said, and with what the model was told', () => {
      expect(defects(talk(memory, [memory.slice(0, 1), memory.slice(0, 3)]))).toEqual([]);
      expect(defects(talk(memory.slice(0, 3)))).toEqual(['lost']);
      expect(defects(talk([...memory, line('assistant', 'two')]))).toEqual(['repeated']);
      expect(defects(talk(memory, [memory.slice(2, 3)]))).toEqual(['lost']);
      expect(defects(talk(memory.with(1, line('assistant', 'on'))))).toEqual(['zombie']);
    });
  });
});
