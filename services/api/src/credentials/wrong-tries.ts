import { isIPv6 } from 'node:net';
import { Injectable } from '@nestjs/common';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { digestOf } from '../api-keys.ts';
import { TooManyWrongTries } from '../http/problem.ts';

/** Wrong credentials of one address within a minute, before it has to wait. */
const TRIES_PER_MINUTE = 60;
/** Credentials that were right lately, by their digest: they pass from an address that others guess from. */
const MAX_KNOWN = 10_000;

/** Slows down whoever guesses credentials, by address. A credential that this node has just seen to be right is never slowed. */
@Injectable()
export class WrongTries {
  readonly #limiter = new RateLimiterMemory({ points: TRIES_PER_MINUTE, duration: 60 });
  readonly #known = new Set<string>();

  /** @throws TooManyWrongTries before the secret is looked at */
  async refuseBlocked(address: string, secret: string): Promise<void> {
    const tries = await this.#limiter.get(networkOf(address));
    if (tries === null || tries.consumedPoints <= TRIES_PER_MINUTE || this.#known.has(digestOf(secret))) return;
    throw new TooManyWrongTries(tries.msBeforeNext);
  }

  right(secret: string): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(digestOf(secret));
  }

  /** @throws TooManyWrongTries it was one too many */
  async wrong(address: string): Promise<void> {
    try {
      await this.#limiter.consume(networkOf(address));
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) throw new TooManyWrongTries(refusal.msBeforeNext);
      throw refusal;
    }
  }
}

/** An address of IPv4; of IPv6 the network, since a client has as many addresses as it likes in it. */
function networkOf(address: string): string {
  return isIPv6(address) && !address.includes('.') ? expanded(address).slice(0, 4).join(':') : address;
}

/** The eight groups of an address of IPv6. */
function expanded(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(8 - first.length - last.length).fill('0');
  return [...first, ...zeros, ...last];
}
