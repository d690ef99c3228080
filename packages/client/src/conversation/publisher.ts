import type { Store } from './store.ts';

/** How long the server is still followed when nobody subscribes any more, milliseconds: a page that is drawn anew subscribes again. */
const LINGER_MS = 1000;

/** What a store does while somebody subscribes. */
export interface Activity {
  start(): void;
  stop(): void;
}

/** Holds a snapshot and tells subscribers of changes: once for all changes of a frame, so that 200 tokens a second are not 200
 *  drawings. */
export class Publisher<T> implements Store<T> {
  private readonly listeners = new Set<() => void>();
  private current: T;
  private isDue = false;
  private isActive = false;
  private leaving: ReturnType<typeof setTimeout> | undefined;

  /** @param build makes the snapshot; returns the former one where nothing has changed */
  constructor(
    first: T,
    private readonly build: (former: T) => T,
    private readonly activity: Activity,
  ) {
    this.current = first;
  }

  /** Whether somebody subscribes. */
  get isFollowed(): boolean {
    return this.isActive;
  }

  readonly getSnapshot = (): T => this.current;

  readonly subscribe = (listener: () => void): (() => void) => {
    // the same function may subscribe twice
    const own = () => listener();
    this.listeners.add(own);
    clearTimeout(this.leaving);
    if (!this.isActive) {
      this.isActive = true;
      this.activity.start();
    }
    return () => {
      if (!this.listeners.delete(own) || this.listeners.size > 0) return;
      this.leaving = setTimeout(() => {
        this.isActive = false;
        this.activity.stop();
      }, LINGER_MS);
    };
  };

  /** Something has changed: subscribers hear of it with the next frame. */
  changed(): void {
    if (this.isDue) return;
    this.isDue = true;
    onNextFrame(() => {
      if (this.isDue) this.publish();
    });
  }

  /** Something has changed that a person has done: subscribers hear of it at once. */
  publish(): void {
    this.isDue = false;
    const former = this.current;
    this.current = this.build(former);
    if (this.current === former) return;
    for (const listener of [...this.listeners]) listener();
  }
}

/** In a page that is not visible there are no frames. */
function onNextFrame(task: () => void): void {
  const { document, requestAnimationFrame } = globalThis as {
    document?: { readonly visibilityState: string };
    requestAnimationFrame?: (task: () => void) => void;
  };
  if (document?.visibilityState === 'visible' && requestAnimationFrame !== undefined) requestAnimationFrame(task);
  else setTimeout(task, 0);
}
