import { type AnyMessage, textOf } from './any-message.ts';
import { graphOf, type Place } from './place.ts';

/** Which messages of a state need not be said any more: those that were there before, and those that have been said.
 *  A `run` is the namespace of one run of a graph, as LangGraph names it; '' is the agent's. */
export class KnownMessages {
  readonly #said = new Messages();
  readonly #before = new Map<string, Messages>();
  /** what models have said in a graph's running step, by content */
  readonly #saidInStep = new Map<string, Set<string>>();

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
    return !this.#saidInStep.get(graphOf(place))?.has(contentOf(message));
  }

  stepEnds(place: Place): void {
    this.#saidInStep.delete(graphOf(place));
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
  return [textOf(message), ...(message.tool_calls ?? []).map(({ id }) => id ?? '')].join('\n');
}
