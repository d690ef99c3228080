import { expect } from '@jest/globals';
import { eventually, type SseReader } from '@millrace/testing';
import type { SystemHarness } from './system-harness.ts';

type Headers = Readonly<Record<string, string>>;

/** One page of a list. */
export interface ListPage {
  readonly items: readonly { readonly id: string }[];
  readonly nextCursor: string | null;
  readonly incomplete?: boolean;
}

/** What clients ask of a system, at its proxy or (`at`) at one of its nodes. */
export class ServiceCalls {
  /** @param answer what the model says to everything that {@link run} asks */
  constructor(
    private readonly system: SystemHarness,
    private readonly answer: string,
  ) {}

  send(method: string, path: string, body?: object, headers: Headers = {}, at = this.system.url): Promise<Response> {
    return fetch(`${at}${path}`, {
      method,
      headers: { accept: 'application/json', ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  async get<T>(path: string, at?: string): Promise<T> {
    const answer = await this.send('GET', path, undefined, {}, at);
    expect([path, answer.status]).toEqual([path, 200]);
    return (await answer.json()) as T;
  }

  /** Makes a job whose answer nobody reads.
   *  @returns its id */
  async create(body: object, headers: Headers = {}, at?: string): Promise<string> {
    const answer = await this.send('POST', '/jobs', body, headers, at);
    if (!answer.ok) throw new Error(await answer.text());
    return ((await answer.json()) as { id: string }).id;
  }

  /** Makes a job, and reads its answer. */
  async run(body: object, headers: Headers = {}, at?: string): Promise<SseReader> {
    const stream = await this.system.ask(body, { headers, ...(at !== undefined && { at }) });
    await stream.collect();
    expect([stream.terminal()?.event, stream.text()]).toEqual(['done', this.answer]);
    return stream;
  }

  /** @returns the status of a job, once it has ended */
  ended(id: string, at?: string): Promise<string> {
    return eventually(async () => {
      const { status } = await this.get<{ status: string }>(`/jobs/${id}`, at);
      return !['queued', 'active'].includes(status) && status;
    });
  }

  /** All pages of a list, as one. */
  async listed(path: string, limit: number): Promise<ListPage['items'][number][]> {
    const items: ListPage['items'][number][] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: ListPage = await this.get(
        `${path}limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      expect(page.items.length).toBeLessThanOrEqual(limit);
      expect(page.incomplete ?? false).toBe(false);
      items.push(...page.items);
      cursor = page.nextCursor;
    }
    return items;
  }

  /** The conversation of a thread, as `role content`. */
  async conversation(threadId: string, at?: string): Promise<string[]> {
    const { items } = await this.get<{ items: { role: string; content: string }[] }>(
      `/threads/${threadId}/messages?limit=100`,
      at,
    );
    return items.map(({ role, content }) => `${role} ${content}`);
  }

  /** Settles when nothing runs in a thread. */
  async idle(threadId: string): Promise<void> {
    await eventually(async () => (await this.get<{ status: string }>(`/threads/${threadId}`)).status === 'idle');
  }
}

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
