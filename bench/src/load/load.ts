import type { Spread } from '../measure/spread.ts';

/** What the generator is to do: the same request many times, each on a connection of its own. */
export interface Load {
  /** on 127.0.0.1 */
  readonly port: number;
  /** the whole request as it goes over the wire; it must ask for `Connection: close`, which is how an answer ends */
  readonly request: string;
  readonly streams: number;
  /** open at a time: when one ends the next begins */
  readonly atOnce: number;
  /** the first {@link atOnce} are begun evenly over this time, milliseconds */
  readonly overMs: number;
  /** whether the tokens carry stamps, so that their delay is measured */
  readonly stamped: boolean;
}

/** What a load met. Times in milliseconds, from the moment at which the connection was begun. */
export interface LoadResult {
  /** answers that came to their end with a 2xx */
  readonly ended: number;
  /** the others, and what the first of them was */
  readonly failed: number;
  readonly failure: string | null;
  readonly tokens: number;
  /** of the answer that had the fewest */
  readonly fewestTokens: number;
  /** answers that began afresh (Millrace's event `reset`): their tokens come twice, and the reader is told */
  readonly resets: number;
  /** all that came over the wire, heads and framing too */
  readonly bytes: number;
  /** from the first connection to the last end */
  readonly wallMs: number;
  readonly firstToken: Spread;
  /** from a token's stamp to its arrival; all zero without stamps */
  readonly delay: Spread;
  readonly whole: Spread;
}

/** What came since the mark before, or since the load began. */
export interface LoadMark {
  readonly tokens: number;
  readonly delay: Spread;
}

/** From the generator's parent. `mark` asks for a {@link LoadMark}; `stop` ends what is open, and with it the load. */
export type LoadCommand =
  | { readonly kind: 'run'; readonly load: Load }
  | { readonly kind: 'mark' }
  | { readonly kind: 'stop' };

/** To the generator's parent. `open`: every stream of the load has the head of its answer. */
export type LoadReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'open' }
  | { readonly kind: 'mark'; readonly mark: LoadMark }
  | { readonly kind: 'done'; readonly result: LoadResult };
