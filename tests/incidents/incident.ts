import type { Stage } from './stage.ts';

/** What is wrong now. */
export interface Struck {
  /** what the first command of an alert's section must print, by the alert: the cause */
  readonly finds: Readonly<Record<string, RegExp>>;
  /** Takes the cause away, as the runbook says. */
  readonly mend: () => Promise<void>;
}

/** Something that goes wrong in production. */
export interface Incident {
  readonly name: string;
  /** that must fire, and clear */
  readonly alerts: readonly string[];
  /** that may fire besides, since they tell of the same cause; any other is a false alarm */
  readonly also?: readonly string[];
  readonly strike: (stage: Stage) => Promise<Struck>;
}
