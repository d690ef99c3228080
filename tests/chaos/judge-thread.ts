import {
  type Chapter,
  endsAmong,
  judgeChronicle,
  judgeFollower,
  judgeFollowerOfDeleted,
  judgeTurns,
  type Offence,
  partsOf,
  type SseEvent,
  stoppersOf,
  type Turn,
  textAfter,
} from '@millrace/testing';
import { messagesIn } from '../stepper/judge-task.ts';
import { stepsOf } from '../stepper/stepper-model.ts';
import { promptOf } from './answer.ts';
import { type Copy, line, type Testimony, type ThreadTestimony } from './testimony.ts';

/** A thread that a crash left busy is mended within 10 s of Redis being there; this long on a busy machine. */
const MENDED_MS = 30_000;

/** Judges one conversation: one job at a time and in order, what it and its copies hold at the end, what its followers were
 *  given, and that a question is answered once.
 *  @see docs/laws.md, law 17 */
export function judgeThread(testimony: ThreadTestimony): Offence[] {
  const offences = [...judgeStatuses(testimony), ...judgeRefusals(testimony)];
  if (testimony.isDeleted) return [...offences, ...judgeErasure(testimony)];
  const { plan, held, copies, status } = testimony;
  const turns = testimony.jobs.filter(({ id }) => id !== null).map(turnOf);
  offences.push(...judgeTurns(turns), ...judgeQuestions(testimony), ...judgeFollowers(testimony));
  const chapters = chaptersOf(testimony, turns);
  offences.push(...judgeChronicle(plan.talk === 'chat' ? 'memory' : 'state', held, chapters));
  if (plan.talk === 'chat') offences.push(...judgeTold(testimony));
  else offences.push(...judgeReports(testimony));
  offences.push(...copies.flatMap((copy) => judgeCopy(copy, held)));
  if (status === 'busy') offences.push({ defect: 'hung', what: 'the thread is busy, though its jobs have ended' });
  if (status === null && turns.length > 0) offences.push({ defect: 'lost', what: 'the thread is not there' });
  return offences;
}

/** When a job of a thread was asked for and ran. */
export function turnOf({ plan, id, asks, log, startedAt, finishedAt }: Testimony): Turn {
  const posts = asks.filter(({ what }) => what === 'POST');
  const [first] = posts;
  const accepted = posts.find(({ status }) => status === 200 || status === 202);
  const epoch = (at: number | undefined) => performance.timeOrigin + (at ?? 0);
  const { delayMs } = plan;
  return {
    id: `job ${plan.index} (${id})`,
    onBusy: plan.place === null || plan.place.answer !== null ? null : plan.place.onBusy,
    // one that is delayed enters the thread later, at a time that is not known
    askedAt: epoch(first?.at) + (delayMs ?? 0),
    answeredAt: delayMs === null ? epoch(accepted?.answeredAt) : Number.POSITIVE_INFINITY,
    startedAt,
    finishedAt,
    stopped: endsAmong(log)[0]?.data.by === 'thread',
  };
}

function judgeStatuses({ statuses }: ThreadTestimony): Offence[] {
  let isRepeated = false;
  return statuses.flatMap(({ what, status }): Offence[] => {
    if (status === null) return [{ defect: 'hung', what: `${what} of the thread: no answer` }];
    const good = what === 'fork' ? [201, ...(isRepeated ? [409] : [])] : [204, ...(isRepeated ? [404] : [])];
    isRepeated = true;
    if (status === 0 || status === 503 || good.includes(status)) return [];
    return [{ defect: 'lost', what: `${what} of the thread: answered with ${status}` }];
  });
}

/** `reject` is refused only while the thread is busy, an answer only when nothing waits for it. */
function judgeRefusals({ jobs }: ThreadTestimony): Offence[] {
  return jobs.filter(isRefused).flatMap((refused): Offence[] => {
    const what = `job ${refused.plan.index} was refused`;
    const { askedAt, answeredAt } = spanOf(refused);
    if (refused.plan.place?.answer !== null) {
      // the question went to another answer, or a later task dropped it
      const since = jobs.filter((job) => job !== refused && job.id !== null && spanOf(job).askedAt < answeredAt);
      const asking = jobs.find(
        ({ plan }) => plan.task?.name === refused.plan.task?.name && plan.place?.answer === null,
      );
      if (since.some((job) => job !== asking && spanOf(job).answeredAt > spanOf(asking).answeredAt)) return [];
      return [{ defect: 'lost', what: `${what}, though its question had no other answer` }];
    }
    if (refused.plan.place.onBusy !== 'reject') return [{ defect: 'lost', what: `${what} without a reason` }];
    const busy = jobs.some((job) => {
      if (job === refused || job.id === null) return false;
      const ended = (job.finishedAt ?? Number.POSITIVE_INFINITY) + MENDED_MS;
      return spanOf(job).askedAt <= answeredAt && ended >= askedAt;
    });
    return busy || jobs.some(({ isErased }) => isErased) ? [] : [{ defect: 'lost', what: `${what}: nothing ran` }];
  });
}

/** Every job that ran has had a turn, in the order in which they ran, and each follower was given them in that order. */
function judgeFollowers({ jobs, order, followers }: ThreadTestimony): Offence[] {
  const ran = jobs
    .filter(({ startedAt }) => startedAt !== null)
    .sort((one, other) => (one.startedAt ?? 0) - (other.startedAt ?? 0))
    .map(({ id }) => id ?? '');
  const turns = order.filter((id) => ran.includes(id));
  const offences: Offence[] = [];
  if (ran.length > turns.length) {
    offences.push({ defect: 'lost', what: `of the jobs ${ran.join(', ')} only ${turns.join(', ')} have had a turn` });
  } else if (ran.some((id, index) => id !== turns[index])) {
    offences.push({
      defect: 'reordered',
      what: `the jobs ran as ${ran.join(', ')}, their turns are ${turns.join(', ')}`,
    });
  }
  const all = order.map((id) => ({ id, log: jobs.find((job) => job.id === id)?.log ?? [] }));
  return [...offences, ...followers.flatMap((follower) => judgeFollower(follower, all))];
}

/** A copy holds what its thread held at some time, and then what its own job has left. */
function judgeCopy({ id, held: copied, job }: Copy, held: readonly string[]): Offence[] {
  if (job === null) return [];
  const name = `the copy ${id}`;
  // one without an answer is judged as a job
  if (job.id === null) return isRefused(job) ? [{ defect: 'lost', what: `${name}: its job was refused` }] : [];
  const differs = copied.findIndex((item, index) => item !== held[index]);
  const own = differs === -1 ? [] : copied.slice(differs);
  const chapter = job.plan.task === null ? messagesOf(job) : stepsInCopy(job);
  const offences = judgeChronicle(name, own, [chapter]);
  const end = endsAmong(job.log)[0];
  if (offences.length > 0 || job.plan.task === null || end?.event !== 'done') return offences;
  return judgeReport(job, copied);
}

function stepsInCopy(job: Testimony): Chapter {
  const { task, place } = job.plan;
  if (task === null || place === null || place.answer === null) return stepsLeftBy(job, []);
  const items = stepsOf(task, place.answer).slice(task.asksAt ?? 0);
  const isDone = endsAmong(job.log)[0]?.event === 'done';
  return { name: `job ${job.plan.index}`, items, least: isDone ? items.length : 0, most: items.length };
}

function judgeErasure({ status, left, jobs, followers }: ThreadTestimony): Offence[] {
  const offences: Offence[] = [];
  if (status !== null) offences.push({ defect: 'zombie', what: `the deleted thread is ${status}` });
  if (left.length > 0) offences.push({ defect: 'zombie', what: `Redis still holds ${left.join(', ')}` });
  for (const { plan, seen } of jobs) {
    for (const { name, events } of seen) {
      const ends = endsAmong(events);
      if (ends.length > 1 || (ends.length === 1 && ends[0] !== events.at(-1))) {
        offences.push({
          defect: 'double-ended',
          what: `job ${plan.index}, ${name}: ${events.at(-1)?.id} after an end`,
        });
      }
    }
  }
  for (const follower of followers) {
    offences.push(...judgeFollowerOfDeleted(follower));
    if (follower.left || follower.isGone) continue;
    offences.push({ defect: 'hung', what: `${follower.name}: not told that the thread is gone` });
  }
  return offences;
}

/** Of the answers to a question exactly one is accepted. */
function judgeQuestions({ plan, jobs }: ThreadTestimony): Offence[] {
  return plan.questions.flatMap(({ asks, answers, reply }): Offence[] => {
    if (reply === 'too late') return [];
    const accepted = jobs.filter((job) => answers.includes(job.plan) && job.id !== null).length;
    const asked = jobs.some((job) => job.plan === asks && job.id !== null);
    if (!asked || accepted === 1) return [];
    const what = `the question of job ${asks.index} took ${accepted} answers`;
    return [{ defect: accepted > 1 ? 'repeated' : 'lost', what }];
  });
}

/** What each job has left, in the order in which they ran. */
function chaptersOf({ jobs, plan }: ThreadTestimony, turns: readonly Turn[]): Chapter[] {
  const ran = jobs
    .filter(({ startedAt }) => startedAt !== null)
    .sort((one, other) => (one.startedAt ?? 0) - (other.startedAt ?? 0));
  return ran.flatMap((job): Chapter[] => {
    if (job.plan.place?.answer !== null) return []; // part of its task
    const chapter = plan.talk === 'chat' ? messagesOf(job) : stepsLeftBy(job, jobs);
    const turn = turnOf(job);
    const stoppers = stoppersOf(
      turn,
      turns.filter(({ id }) => id !== turn.id),
    );
    const undoing = stoppers.filter(({ onBusy }) => onBusy === 'rollback').length;
    if (undoing === 0) return [chapter];
    const mustGo = turn.stopped && undoing === stoppers.length;
    // an end that raced with its own undoing may stay or go
    return [{ ...chapter, least: 0, most: mustGo ? 0 : chapter.most }];
  });
}

function messagesOf({ plan, log }: Testimony): Chapter {
  const text = textAfter(log);
  const items = [line('user', promptOf(plan)), line('assistant', text)];
  // a job that was cancelled before it reached its thread has left nothing there
  const [least, most] = text === '' ? [0, 1] : [2, 2];
  return { name: `job ${plan.index}`, items, least, most };
}

function stepsLeftBy({ plan, log }: Testimony, jobs: readonly Testimony[]): Chapter {
  const { task } = plan;
  if (task === null) throw new Error(`job ${plan.index} has no task`);
  const name = `job ${plan.index}`;
  const answer = jobs.find(
    (job) => job.id !== null && job.plan.place?.answer != null && job.plan.task?.name === task.name,
  );
  const items = stepsOf(task, answer?.plan.place?.answer ?? '');
  const end = endsAmong(log)[0];
  const asked = end?.event === 'done' && end.data.finishReason === 'interrupt';
  const last = asked && answer !== undefined ? answer.log : log;
  if (endsAmong(last)[0]?.event === 'done') {
    const count = asked && answer === undefined ? (task.asksAt ?? 0) : task.steps;
    return { name, items, least: count, most: count };
  }
  const from = last === log ? 0 : (task.asksAt ?? 0) + 1;
  const begun = attemptsIn(last).map((events) => messagesIn(events).length);
  // no step begins before the one before it is stored
  const least = Math.min(task.steps, Math.max(0, from + (begun.at(-1) ?? 0) - 1));
  return { name, items, least, most: Math.max(least, Math.min(task.steps, from + Math.max(0, ...begun))) };
}

/** Each message that the model got before a prompt is in the memory, in the same order. */
function judgeTold({ told, held }: ThreadTestimony): Offence[] {
  return told.flatMap((messages): Offence[] => {
    const at = held.indexOf(messages.at(-1) ?? '');
    if (at === -1) return []; // undone, or never said
    const before = held.slice(0, at);
    const heard = messages.slice(0, -1);
    if (heard.length === before.length && heard.every((message, index) => message === before[index])) return [];
    const what = `the model was told ${heard.join(' | ')} before ${messages.at(-1)}, the memory has ${before.join(' | ')}`;
    return [{ defect: heard.length < before.length ? 'lost' : 'zombie', what }];
  });
}

function judgeReports({ jobs, held }: ThreadTestimony): Offence[] {
  return jobs.flatMap((job): Offence[] => {
    const { plan, log } = job;
    const end = endsAmong(log)[0];
    if (plan.task === null || end?.event !== 'done' || end.data.finishReason === 'interrupt') return [];
    const at = held.findLastIndex((step) => step.startsWith(`${plan.task?.name}.`));
    return at === -1 ? [] : judgeReport(job, held.slice(0, at + 1)); // not there: undone
  });
}

/** The last message of a whole answer says the steps that the thread has done until then. */
function judgeReport({ plan, log }: Testimony, done: readonly string[]): Offence[] {
  const told = messagesIn(attemptsIn(log).at(-1) ?? []).at(-1)?.text ?? '';
  const expected = JSON.stringify(done);
  if (told === expected) return [];
  return [{ defect: 'lost', what: `job ${plan.index} says the steps ${told}, the state has ${expected}` }];
}

function attemptsIn(log: readonly SseEvent[]): SseEvent[][] {
  const attempts = [...Map.groupBy(log, ({ id }) => partsOf(id)[0])];
  return attempts.filter(([attempt]) => attempt > 0).map(([, events]) => events);
}

function isRefused({ id, asks }: Testimony): boolean {
  return id === null && asks.at(-1)?.status === 409;
}

/** When a job was asked for, and when that was decided. Milliseconds since the epoch. */
function spanOf(testimony: Testimony | undefined): { readonly askedAt: number; readonly answeredAt: number } {
  const posts = testimony?.asks.filter(({ what }) => what === 'POST') ?? [];
  const epoch = (at: number | undefined) => performance.timeOrigin + (at ?? 0);
  const accepted = posts.find(({ status }) => status === 200 || status === 202);
  return { askedAt: epoch(posts[0]?.at), answeredAt: epoch((accepted ?? posts.at(-1))?.answeredAt) };
}
