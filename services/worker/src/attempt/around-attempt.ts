import type { AttemptHook, AttemptInfo, AttemptResult } from '@millrace/contracts';

export interface AroundAttempt {
  readonly hooks: readonly AttemptHook[];
  readonly attempt: AttemptInfo;
  readonly run: () => Promise<AttemptResult>;
  /** informed of errors of the hooks themselves */
  readonly onHookError: (error: unknown) => void;
}

/** Runs an attempt inside its hooks.
 *  @throws what `run` throws */
export function aroundAttempt({ hooks, attempt, run, onHookError }: AroundAttempt): Promise<AttemptResult> {
  const outermost = hooks.reduceRight<() => Promise<AttemptResult>>(
    (next, hook) => () => around(hook, attempt, next, onHookError),
    run,
  );
  return outermost();
}

async function around(
  hook: AttemptHook,
  attempt: AttemptInfo,
  next: AroundAttempt['run'],
  onHookError: AroundAttempt['onHookError'],
): Promise<AttemptResult> {
  let running: Promise<AttemptResult> | undefined;
  const runOnce = () => {
    running ??= next();
    return running;
  };
  try {
    await hook.around(attempt, runOnce);
  } catch (error) {
    // the attempt's own error passes through below
    if (!(await isRejectedWith(running, error))) onHookError(error);
  }
  return runOnce();
}

async function isRejectedWith(promise: Promise<unknown> | undefined, reason: unknown): Promise<boolean> {
  return promise === undefined
    ? false
    : promise.then(
        () => false,
        (error: unknown) => error === reason,
      );
}
