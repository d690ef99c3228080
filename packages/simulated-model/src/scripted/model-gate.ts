import type { ModelRequest } from './model-request.ts';
import type { ModelStep } from './model-step.ts';

/** Lets a test speak for the model, token by token, without a timer.
 *  A gate answers one request: the first that comes. */
export class ModelGate implements AsyncIterable<ModelStep> {
  private readonly arrival = Promise.withResolvers<ModelRequest>();
  private readonly queue: { readonly step: ModelStep | null; readonly taken: PromiseWithResolvers<boolean> }[] = [];
  private more = Promise.withResolvers<void>();
  private closed = false;

  /** the request that this gate answers, once it is there */
  get request(): Promise<ModelRequest> {
    return this.arrival.promise;
  }

  /** Says one delta.
   *  @returns true when it is written to the connection, false when the client had closed it by then */
  say(text: string): Promise<boolean> {
    return this.step(text);
  }

  /** Takes any one step, like {@link say}. */
  step(step: ModelStep): Promise<boolean> {
    return this.push(step);
  }

  /** Ends the answer properly. */
  finish(): Promise<boolean> {
    return this.push(null);
  }

  /** @internal the server hands over the request */
  begin(request: ModelRequest): void {
    this.arrival.resolve(request);
    void request.ended.then(() => {
      this.closed = true;
      for (const { taken } of this.queue.splice(0)) taken.resolve(false);
      this.more.resolve();
    });
  }

  async *[Symbol.asyncIterator](): AsyncIterator<ModelStep> {
    while (!this.closed) {
      const next = this.queue.shift();
      if (next === undefined) {
        this.more = Promise.withResolvers();
        await this.more.promise;
        continue;
      }
      if (next.step === null) return void next.taken.resolve(true);
      yield next.step;
      // resumed when the step has been taken
      next.taken.resolve(!this.closed);
    }
  }

  private push(step: ModelStep | null): Promise<boolean> {
    if (this.closed) return Promise.resolve(false);
    const taken = Promise.withResolvers<boolean>();
    this.queue.push({ step, taken });
    this.more.resolve();
    return taken.promise;
  }
}
