import type { SaidAgain } from '../../definition/said-again.ts';
import { type AnyMessage, typeOf } from './any-message.ts';
import { textOf } from './message-text.ts';
import { graphOf, type Place } from './place.ts';

/** Which messages of a state need not be said any more: those that were there before, and those that have been said.
 *  A `run` is the namespace of one run of a graph, as LangGraph names it; '' is the agent's. */
export class KnownMessages {
  readonly #said = new Messages();
  readonly #before = new Map<string, Messages>();
  /** what models have said in a graph's running step, by content */
  readonly #saidInStep = new Map<string, Set<string>>();
  /** what an earlier attempt has said, until the first state has been read */
  #saidAgain: SaidAgain | null = null;

  /** An earlier attempt has said these messages, of which some were in the state before its last step. */
  goOn(said: SaidAgain, before: Iterable<AnyMessage>): void {
    for (const id of said.ids) this.#said.addId(id);
    for (const message of before) if (typeOf(message) === 'ai') said.take(...partsOf(message));
    this.#saidAgain = said;
  }

  isSaid(id: string): boolean {
    return this.#said.hasId(id);
  }

  saidId(id: string): void {
    this.#said.addId(id);
  }

  /** A model has said this message. */
  said(message: AnyMessage, place: Place): void {
    this.#said.add(message);
    const graph = graphOf(place);
    const contents = this.#saidInStep.get(graph) ?? new Set();
    this.#saidInStep.set(graph, contents.add(contentOf(message)));
  }

  /** @returns whether this run shows its state for the first time */
  starts(run: string): boolean {
    if (this.#before.has(run)) return false;
    this.#before.set(run, new Messages());
    return true;
  }

  /** The message is in the first state of a run. */
  wasThere(message: AnyMessage, run: string): void {
    if (!this.#before.get('')?.has(message)) this.#before.get(run)?.add(message);
  }

  isOld(message: AnyMessage, run: string): boolean {
    return this.#before.get('')?.has(message) || this.#before.get(run)?.has(message) || false;
  }

  /** Whether a message of a model is still to be said; it counts as said from here on. */
  isNew(message: AnyMessage, run: string, place: Place): boolean {
    if (this.#said.has(message) || this.isOld(message, run)) return false;
    this.#said.add(message);
    // a node may put the words of its model into a message of its own
    if (this.#saidAgain?.take(...partsOf(message))) return false;
    return !this.#saidInStep.get(graphOf(place))?.has(contentOf(message));
  }

  stepEnds(place: Place): void {
    this.#saidInStep.delete(graphOf(place));
    this.#saidAgain = null;
  }
}

/** A set of messages. LangGraph gives ids to those in a list of messages, not to a message that stands alone in a state. */
class Messages {
  readonly #ids = new Set<string>();
  readonly #objects = new WeakSet<AnyMessage>();

  add(message: AnyMessage): void {
    this.#objects.add(message);
    if (message.id !== undefined) this.#ids.add(message.id);
  }

  has(message: AnyMessage): boolean {
    return this.#objects.has(message) || (message.id !== undefined && this.#ids.has(message.id));
  }

  addId(id: string): void {
    this.#ids.add(id);
  }

  hasId(id: string): boolean {
    return this.#ids.has(id);
  }
}

function contentOf(message: AnyMessage): string {
  const [text, callIds] = partsOf(message);
  return [text, ...callIds].join('\n');
}

function partsOf(message: AnyMessage): [text: string, callIds: string[]] {
  return [textOf(message), (message.tool_calls ?? []).map(({ id }) => id ?? '')];
}
