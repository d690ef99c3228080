/** Where in an agent something happens, as the client reads it. */
export interface WirePlace {
  /** the subgraphs around it, outermost first, each `<name>:0`: the log knows their names, not their runs */
  readonly namespace: readonly string[];
  readonly node?: string;
}

export const ROOT: WirePlace = { namespace: [] };

/** A block of a message that is being said. */
export interface OpenBlock {
  readonly kind: 'text' | 'reasoning' | 'call';
  readonly index: number;
  /** what it has so far, as it stands in JSON: text, or the arguments of a call */
  readonly quoted: string;
  readonly callId?: string;
  readonly name?: string;
}

/** A message that is being said. */
export interface OpenMessage {
  readonly id: string;
  readonly place: WirePlace;
  /** whether the log says where it begins and ends; otherwise it is the only one of its job */
  readonly isAnnounced: boolean;
  /** its blocks in the order of their indices: those that are whole as the client reads them, and `null` for open ones */
  readonly blocks: readonly (object | null)[];
  readonly open: readonly OpenBlock[];
}

/** What a reader was told that does not change any more, the newest first. */
export interface Told {
  readonly before: Told | null;
  readonly what: ToldMessage | ToldFact;
}

export interface ToldMessage {
  readonly id: string;
  readonly place: WirePlace;
  readonly blocks: readonly object[];
  readonly finish: object;
}

interface ToldFact {
  readonly method: string;
  readonly place: WirePlace;
  readonly data: unknown;
}

/** What a reader of a thread knows of a job. Immutable. */
export interface ThreadRun {
  readonly hasStarted: boolean;
  readonly messages: readonly OpenMessage[];
  /** the id of the message that began last; null: none was announced */
  readonly current: string | null;
  readonly told: Told | null;
  /** namespaces that were said to have begun, in that order */
  readonly spaces: readonly (readonly string[])[];
  /** calls of tools that run, and where */
  readonly calls: ReadonlyMap<string, WirePlace>;
  /** messages of an earlier attempt that this one has not begun, and that no state can take away */
  readonly voided: readonly Pick<OpenMessage, 'id' | 'place'>[];
  /** what a thread without an agent held when the job began, as the client reads it; null: not told, or it is an agent's */
  readonly conversation: readonly object[] | null;
  /** the last state of the agent itself; undefined: not told */
  readonly values: unknown;
}

export const NO_RUN: ThreadRun = {
  hasStarted: false,
  messages: [],
  current: null,
  told: null,
  spaces: [],
  calls: new Map(),
  voided: [],
  conversation: null,
  values: undefined,
};

/** Oldest first. */
export function toldIn({ told }: ThreadRun): Told['what'][] {
  const all: Told['what'][] = [];
  for (let each = told; each !== null; each = each.before) all.push(each.what);
  return all.reverse();
}

/** @returns a copy of a list with another entry in place of one that is in it */
export function replaced<T>(list: readonly T[], old: T, by: T): readonly T[] {
  return list.map((each) => (each === old ? by : each));
}
