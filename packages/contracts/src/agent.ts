/** Further views of an agent's state that a request may ask for, as `state` events. @see PROTOCOL.md §2 */
export const STATE_MODES = ['values', 'updates', 'tasks', 'checkpoints'] as const;
export type StateMode = (typeof STATE_MODES)[number];

/** A question of an agent to a person. @see PROTOCOL.md §3 */
export interface Interrupt {
  readonly interruptId: string;
  readonly value: unknown;
  readonly node?: string;
}

/** A pipeline as its workers announce it. @see PROTOCOL.md §5 */
export interface PipelineInfo {
  readonly name: string;
  readonly kind: 'pipeline' | 'agent';
  readonly description?: string;
  /** JSON Schema of `input`, and of `config`; absent where the agent declares none */
  readonly inputSchema?: Readonly<Record<string, unknown>>;
  readonly configSchema?: Readonly<Record<string, unknown>>;
}
