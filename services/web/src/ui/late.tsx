import { type ComponentType, useEffect, useSyncExternalStore } from 'react';

/** How long after a failure the next use may try again, milliseconds. */
const RETRY_MS = 5_000;

/** What is loaded when it is first used, or wanted before. */
export interface Late<P> {
  readonly Component: ComponentType<P>;
  /** Never fails: what could not be loaded is tried again by those who use it later. */
  readonly load: () => Promise<void>;
}

/** A component whose script is no part of the first paint. Where it cannot be loaded, as after an upgrade of the service, which has
 *  the scripts of another version, the page stays as it is without it.
 *  @param Instead is shown while it is not there */
export function late<P extends object>(
  get: () => Promise<{ readonly default: ComponentType<P> }>,
  Instead: ComponentType<P>,
): Late<P> {
  let Loaded: ComponentType<P> | null = null;
  let loading: Promise<void> | null = null;
  const waiting = new Set<() => void>();
  const subscribe = (redraw: () => void) => {
    waiting.add(redraw);
    return () => void waiting.delete(redraw);
  };
  const load = () => {
    loading ??= get().then(
      (script) => {
        Loaded = script.default;
        for (const redraw of waiting) redraw();
      },
      () => {
        setTimeout(() => {
          loading = null;
        }, RETRY_MS);
      },
    );
    return loading;
  };
  const Component = (props: P) => {
    const Shown = useSyncExternalStore(subscribe, () => Loaded) ?? Instead;
    useEffect(() => void load(), []);
    return <Shown {...props} />;
  };
  return { Component, load };
}
