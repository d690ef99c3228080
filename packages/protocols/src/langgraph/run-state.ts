import type { ToolCall, Usage } from '@millrace/contracts';
import type { KeptMessage } from './messages.ts';
import type { WireInterrupt } from './state.ts';

/** A message that a run says. */
export interface RunMessage {
  readonly id: string;
  readonly role: 'assistant' | 'tool';
  /** whether the agent gave it its id */
  readonly isNamed: boolean;
  /** whether its pieces are told */
  readonly isTold: boolean;
  /** what stands before and after a piece of its text in a frame */
  readonly head: string;
  readonly tail: string;
  /** of its frames: `''`, or the subgraphs around it */
  readonly suffix: string;
  readonly metadata: object;
  readonly hasContent: boolean;
  /** so far, where it is kept */
  readonly text: string;
  /** how much of the text the last whole message had */
  readonly shownChars: number;
  readonly calls: readonly ToolCall[];
  /** calls that were begun */
  readonly callCount: number;
  readonly usage: Usage | null;
  /** of a tool */
  readonly name?: string;
  readonly toolCallId?: string;
  readonly isError?: boolean;
}

/** A tool call as its pieces are told. */
export interface RunCall {
  /** id of its message */
  readonly of: string;
  readonly index: number;
  readonly hasArguments: boolean;
}

interface Known {
  readonly hasStarted: boolean;
  /** by id, in the order in which they began */
  readonly said: ReadonlyMap<string, RunMessage>;
  /** ids of those that have not ended, the one that began last at the end */
  readonly open: readonly string[];
  readonly calls: ReadonlyMap<string, RunCall>;
  /** what a thread of messages held when this run began, its question included; null: not known, or it is an agent's */
  readonly conversation: readonly KeptMessage[] | null;
  /** the state of an agent after its last step; null: not known */
  readonly values: Readonly<Record<string, unknown>> | null;
  readonly interrupts: readonly WireInterrupt[];
  /** whether the texts of messages are kept */
  readonly keepsText: boolean;
}

/** What a reader of a run has been told. Immutable. */
export class RunState implements Known {
  declare readonly hasStarted: boolean;
  declare readonly said: ReadonlyMap<string, RunMessage>;
  declare readonly open: readonly string[];
  declare readonly calls: ReadonlyMap<string, RunCall>;
  declare readonly conversation: readonly KeptMessage[] | null;
  declare readonly values: Readonly<Record<string, unknown>> | null;
  declare readonly interrupts: readonly WireInterrupt[];
  declare readonly keepsText: boolean;

  constructor(known: Known) {
    Object.assign(this, known);
  }

  with(changes: Partial<Known>): RunState {
    return new RunState({ ...this, ...changes });
  }

  /** The message to which a piece belongs, if it has begun and said something. */
  openMessage(messageId: string | undefined): RunMessage | undefined {
    const message = this.messageOf(messageId);
    return message?.hasContent ? message : undefined;
  }

  messageOf(messageId: string | undefined): RunMessage | undefined {
    const id = messageId ?? this.open.at(-1);
    return id !== undefined && this.open.includes(id) ? this.said.get(id) : undefined;
  }

  /** How many messages the thread will keep of this run, with those that are open. */
  get count(): number {
    let count = 0;
    for (const { id, hasContent } of this.said.values()) if (hasContent || this.open.includes(id)) count += 1;
    return count;
  }
}

export const EMPTY_RUN = new RunState({
  ...{ hasStarted: false, said: new Map(), open: [], calls: new Map(), conversation: null, values: null },
  ...{ interrupts: [], keepsText: false },
});
