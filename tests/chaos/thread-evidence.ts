import { eventually } from '@millrace/testing';
import { promptOf } from './answer.ts';
import { headersOf, type Stage } from './stage.ts';
import { line, type Testimony, type ThreadTestimony } from './testimony.ts';
import { type ThreadRun, turnsOf } from './thread-run.ts';

/** A sweep mends what a crash has left open within 10 s; twice that on a busy machine. */
const REST_MS = 20_000;
const PAGE = 100;

type Content = string | readonly { readonly text?: string }[];

interface Message {
  readonly role: string;
  readonly content: Content;
}

/** Everything known about each conversation. What a thread holds is asked of the service: nobody else can read it.
 *  @param testimonies of all jobs */
export async function threadEvidenceOf(
  stage: Stage,
  threads: readonly ThreadRun[],
  testimonies: readonly Testimony[],
): Promise<ThreadTestimony[]> {
  const keys = threads.some(({ isDeleted }) => isDeleted) ? await allKeys(stage) : [];
  return Promise.all(
    threads.map(async ({ plan, jobs, copies, followers, isDeleted, wasBusy, statuses }) => {
      const own = testimonies.filter((testimony) => jobs.some((job) => job.plan === testimony.plan));
      const witness = new Witness(stage, plan.tenant, plan.talk === 'chat');
      const names = [`${plan.tenant}.${plan.id}`, ...own.flatMap(({ id }) => (id === null ? [] : [id]))];
      return {
        ...{ plan, jobs: own, isDeleted, wasBusy, statuses },
        status: await witness.statusOf(plan.id),
        held: isDeleted ? [] : await witness.heldBy(plan.id),
        copies: await Promise.all(
          copies.map(async ({ id, job }) => ({
            id,
            held: job === null ? [] : await witness.heldAtRestBy(id),
            job: testimonies.find((testimony) => testimony.plan === job?.plan) ?? null,
          })),
        ),
        order: isDeleted ? [] : await turnsOf(stage, plan),
        followers: followers.map(({ name, left, reader }) => {
          const { events, refusals, connections, begins, isGone } = reader;
          return { name, left, events, refusals, connections, begins, isGone };
        }),
        told: plan.talk === 'chat' ? toldAbout(stage, own) : [],
        left: isDeleted ? keys.filter((key) => names.some((name) => key.includes(name))) : [],
      };
    }),
  );
}

/** Reads threads through the service. */
class Witness {
  constructor(
    private readonly stage: Stage,
    private readonly tenant: string,
    private readonly isChat: boolean,
  ) {}

  /** The status once it is no longer busy, or after a while. */
  async statusOf(id: string): Promise<string | null> {
    let status: string | null = null;
    const isAtRest = async () => {
      status = ((await this.get(`/threads/${id}`)) as { status: string } | null)?.status ?? null;
      return status !== 'busy';
    };
    await eventually(isAtRest, { timeoutMs: REST_MS }).catch(() => {
      // it stays busy, and is judged for that
    });
    return status;
  }

  async heldAtRestBy(id: string): Promise<string[]> {
    await this.statusOf(id);
    return this.heldBy(id);
  }

  /** What it holds; if the service does not say it, the reason, which no job has left there. */
  async heldBy(id: string): Promise<string[]> {
    try {
      return await this.readFrom(id);
    } catch (error) {
      return [String(error)];
    }
  }

  private async readFrom(id: string): Promise<string[]> {
    if (this.isChat) return this.memoryOf(id);
    const state = (await this.get(`/threads/${id}/state`)) as { values?: { steps?: string[] } } | null;
    return state?.values?.steps ?? [];
  }

  private async memoryOf(id: string): Promise<string[]> {
    const messages: Message[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const after: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = (await this.get(`/threads/${id}/messages?limit=${PAGE}${after}`)) as {
        items: Message[];
        nextCursor: string | null;
      } | null;
      messages.push(...(page?.items ?? []));
      cursor = page?.nextCursor ?? null;
    }
    return messages.map(lineOf);
  }

  /** @returns null: 404 */
  private async get(path: string): Promise<unknown> {
    return eventually(async () => {
      const response = await fetch(`${this.stage.system.url}${path}`, { headers: headersOf(this.tenant) });
      if (response.ok) return { body: await response.json() };
      if (response.status === 404) return { body: null };
      throw new Error(`${path}: ${response.status} ${await response.text()}`);
    }).then(({ body }) => body as unknown);
  }
}

/** The messages that the model got with each call for a job. */
function toldAbout(stage: Stage, jobs: readonly Testimony[]): string[][] {
  const prompts = new Set(jobs.map(({ plan }) => promptOf(plan)));
  return stage.system.model.requests
    .filter(({ prompt }) => prompts.has(prompt))
    .map(({ body }) => ((body.messages ?? []) as readonly Message[]).map(lineOf));
}

function lineOf({ role, content }: Message): string {
  return line(role, typeof content === 'string' ? content : content.map(({ text = '' }) => text).join(''));
}

async function allKeys({ redis }: Stage): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of redis.scanStream({ count: 1_000 })) keys.push(...(page as string[]));
  return keys;
}
