import { monotonicMicros, PLAIN_TOKEN, stampedToken } from './token.ts';
import { SHARED_CHUNKS, TokenChunks } from './token-chunks.ts';
import type { TokenPlan } from './token-plan.ts';

/** Where an answer is written, such as an HTTP response. */
export interface AnswerSink {
  /** @returns false when it must drain before it takes more */
  write(bytes: string | Uint8Array): boolean;
  end(bytes: string): void;
}

/** Stamped tokens per write of an unpaced answer. */
const STAMPED_BATCH = 32;

/** One answer while it is written. It knows which tokens are due; its caller decides when to write them. */
export class PacedAnswer {
  readonly #chunks: TokenChunks;
  #said = 0;

  /** @param step how many steps of the plan are done
   *  @param askedAt when the request came, microseconds ({@link monotonicMicros}) */
  constructor(
    readonly plan: TokenPlan,
    readonly step: number,
    readonly sink: AnswerSink,
    readonly askedAt: number,
  ) {
    // in the state of an agent a message with the id of an earlier one would replace it
    this.#chunks = plan.steps === undefined ? SHARED_CHUNKS : new TokenChunks();
  }

  /** whether everything has been written */
  ended = false;

  /** Writes the tokens that are due now, all at once.
   *  @returns false when the sink must drain first */
  speak(now = monotonicMicros()): boolean {
    const { tokens, perSecond, firstTokenMs, stamped } = this.plan;
    const speakingSince = this.askedAt + firstTokenMs * 1e3;
    if (now < speakingSince) return true;
    const due = perSecond === 0 ? tokens : Math.min(tokens, 1 + Math.floor(((now - speakingSince) * perSecond) / 1e6));
    if (this.#said === 0 && due > 0) this.sink.write(this.#chunks.first);
    const mayWriteOn = stamped ? this.#sayStamped(due) : this.#sayPlain(due);
    if (this.#said === tokens) {
      this.ended = true;
      this.sink.end(this.#chunks.last(tokens, this.step < (this.plan.steps ?? 0) ? this.step : null));
    }
    return mayWriteOn;
  }

  #sayPlain(due: number): boolean {
    if (due === this.#said) return true;
    if (due === this.#said + 1) {
      this.#said = due;
      return this.sink.write(this.#chunks.token(PLAIN_TOKEN));
    }
    const { bytes, tokens } = this.#chunks.plain(due - this.#said);
    this.#said += tokens;
    return this.sink.write(bytes);
  }

  #sayStamped(due: number): boolean {
    const count = Math.min(due - this.#said, STAMPED_BATCH);
    if (count === 0) return true;
    this.#said += count;
    return this.sink.write(this.#chunks.token(stampedToken(monotonicMicros())).repeat(count));
  }
}
