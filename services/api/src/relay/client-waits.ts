import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Credential } from '../auth/caller.ts';
import { Unauthenticated } from '../http/problem.ts';
import { StreamDeadlines } from './stream-deadlines.ts';

/** Ends a wait for a whole answer with its client, and with the credential that began it, as streams do. */
@Injectable()
export class ClientWaits {
  constructor(@Inject(StreamDeadlines) private readonly deadlines: StreamDeadlines) {}

  /** @param wait is given a signal that aborts when the client leaves or the credential ends
   *  @returns what the wait returns
   *  @throws Unauthenticated the credential has ended, and the client has not left */
  async during<T>({ raw }: FastifyReply, credential: Credential, wait: (gone: AbortSignal) => Promise<T>): Promise<T> {
    const gone = new AbortController();
    const leave = () => gone.abort();
    let hasExpired = false;
    const waiting = {
      expire: () => {
        hasExpired = true;
        leave();
      },
    };
    raw.once('close', leave);
    if (raw.destroyed) leave(); // it closed before anybody listened
    this.deadlines.add(waiting, credential);
    try {
      const result = await wait(gone.signal);
      if (hasExpired && !raw.destroyed) throw new Unauthenticated();
      return result;
    } finally {
      raw.off('close', leave);
      this.deadlines.remove(waiting);
    }
  }
}
