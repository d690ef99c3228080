import { connect, type Socket } from 'node:net';
import { monotonicMicros } from '@millrace/simulated-model/paced';
import { SpreadOfTimes } from '../measure/spread.ts';
import type { Load, LoadMark, LoadResult } from './load.ts';
import { TokenScanner } from './token-scanner.ts';

/** One read's worth, shared by all connections: Node reads and calls back in one go. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);

const RESET = Buffer.from('event: reset');

/** `HTTP/1.1 200` */
const STATUS_AT = 9;

interface LoadEvents {
  /** every stream has the head of its answer */
  readonly onOpen: () => void;
  /** every stream has ended */
  readonly onDone: (result: LoadResult) => void;
}

/** One load under way. */
export class LoadRun {
  readonly #load: Load;
  readonly #events: LoadEvents;
  readonly #firstToken = new SpreadOfTimes();
  readonly #delay = new SpreadOfTimes();
  readonly #whole = new SpreadOfTimes();
  readonly #sockets = new Set<Socket>();
  readonly #startedAt = monotonicMicros();
  #begun = 0;
  #answered = 0;
  #ended = 0;
  #failed = 0;
  #failure: string | null = null;
  #tokens = 0;
  #fewestTokens = Number.POSITIVE_INFINITY;
  #resets = 0;
  #sinceMark = { tokens: 0, delay: new SpreadOfTimes() };
  #bytes = 0;

  constructor(load: Load, events: LoadEvents) {
    this.#load = load;
    this.#events = events;
    const { atOnce, overMs, streams } = load;
    const first = Math.min(atOnce, streams);
    if (overMs === 0) for (let nth = 0; nth < first; nth += 1) this.#begin();
    else this.#beginOver(first, overMs);
  }

  /** What came since it was last asked. */
  mark(): LoadMark {
    const { tokens, delay } = this.#sinceMark;
    this.#sinceMark = { tokens: 0, delay: new SpreadOfTimes() };
    return { tokens, delay: delay.spread };
  }

  /** Breaks off what is open. */
  stop(): void {
    this.#begun = this.#load.streams;
    for (const socket of this.#sockets) socket.destroy();
  }

  #beginOver(count: number, overMs: number): void {
    const startedAt = performance.now();
    const timer = setInterval(() => {
      const due = Math.min(count, Math.ceil(((performance.now() - startedAt) / overMs) * count));
      while (this.#begun < due) this.#begin();
      if (this.#begun >= count) clearInterval(timer);
    }, 1);
  }

  #begin(): void {
    this.#begun += 1;
    const scanner = new TokenScanner();
    const beganAt = monotonicMicros();
    let status = '';
    const onread = {
      buffer: READ_BUFFER,
      callback: (length: number, buffer: Uint8Array) => {
        const bytes = buffer as Buffer;
        const now = monotonicMicros();
        if (status === '') {
          status = bytes.toString('latin1', STATUS_AT, STATUS_AT + 3);
          if (!status.startsWith('2')) this.#failure ??= bytes.toString('latin1', 0, Math.min(length, 600));
          this.#answered += 1;
          if (this.#answered === this.#load.streams) this.#events.onOpen();
        }
        this.#bytes += length;
        const first = scanner.tokens === 0;
        const onStamp = this.#load.stamped ? (micros: number) => this.#late(now - micros) : null;
        const found = scanner.read(bytes.subarray(0, length), onStamp);
        if (first && found > 0) this.#firstToken.add(now - beganAt);
        this.#tokens += found;
        if (bytes.subarray(0, length).includes(RESET)) this.#resets += 1;
        this.#sinceMark.tokens += found;
        return true;
      },
    };
    const socket = connect({ port: this.#load.port, host: '127.0.0.1', noDelay: true, onread });
    this.#sockets.add(socket);
    socket.write(this.#load.request);
    socket.on('error', (error) => {
      this.#failure ??= String(error);
      status = 'lost';
    });
    socket.on('close', () => {
      this.#fewestTokens = Math.min(this.#fewestTokens, scanner.tokens);
      this.#close(socket, status.startsWith('2'), beganAt);
    });
  }

  #late(micros: number): void {
    this.#delay.add(micros);
    this.#sinceMark.delay.add(micros);
  }

  #close(socket: Socket, wasAnswered: boolean, beganAt: number): void {
    this.#sockets.delete(socket);
    if (wasAnswered) {
      this.#ended += 1;
      this.#whole.add(monotonicMicros() - beganAt);
    } else this.#failed += 1;
    if (this.#begun < this.#load.streams) this.#begin();
    else if (this.#sockets.size === 0) this.#events.onDone(this.#result());
  }

  #result(): LoadResult {
    return {
      ended: this.#ended,
      failed: this.#failed,
      failure: this.#failure,
      tokens: this.#tokens,
      fewestTokens: this.#fewestTokens,
      resets: this.#resets,
      bytes: this.#bytes,
      wallMs: (monotonicMicros() - this.#startedAt) / 1e3,
      firstToken: this.#firstToken.spread,
      delay: this.#delay.spread,
      whole: this.#whole.spread,
    };
  }
}
