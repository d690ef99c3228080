/** Ctrl-C while a job runs. The first asks for one thing, the second for another. */
export class Interruptions implements Disposable {
  #count = 0;
  readonly #listener = () => {
    this.#count += 1;
    if (this.#count === 1) this.first();
    else this.second();
  };

  constructor(
    private readonly first: () => void,
    private readonly second: () => void,
  ) {
    process.on('SIGINT', this.#listener);
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#listener);
  }
}
