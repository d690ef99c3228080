import type { ModelRequest } from './model-request.ts';
import type { ModelStep } from './model-step.ts';

/** Lets a test write the model's answer token by token, without a timer.
 *  A gate answers one request: the first that arrives. */
export class ModelGate implements AsyncIterable<ModelStep> {
  private readonly arrival = Promise.withResolvers<ModelRequest>();
  private readonly queue: { readonly step: ModelStep | null; readonly taken: PromiseWithResolvers<boolean> }[] = [];
  private more = Promise.withResolvers<void>();
  private closed = false;

  /** the request that this gate answers, once it has arrived */
  get request(): Promise<ModelRequest> {
    return this.arrival.promise;
  }

  /** Writes one delta.
   *  @returns true once it is written to the connection, false if the client had closed it */
  say(text: string): Promise<boolean> {
    return this.step(text);
  }

  /** Runs any step, like {@link say}. */
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
      // resumes once the step has run
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
