import type { TokenPlan } from '@millrace/simulated-model/paced';

/** What a process is there for. `app`: what does the work of worker and relay in one. */
export type Role = 'worker' | 'relay' | 'app' | 'nginx';

/** A request as it goes over the wire. */
export interface RawRequest {
  /** on 127.0.0.1 */
  readonly port: number;
  readonly text: string;
}

/** A way to get a model's tokens to readers, up and running. */
export interface RunningPeer extends AsyncDisposable {
  /** The request whose answer is the stream that the plan describes, as a client would send it: through nginx. */
  ask(plan: TokenPlan): RawRequest;
  /** its processes */
  readonly pids: Readonly<Partial<Record<Role, readonly number[]>>>;
  /** its Redis, where it has one of its own */
  readonly redisUrl: string | null;
}

/** How a peer is started: with a model to ask. */
export interface Peer {
  readonly id: string;
  start(model: { readonly url: string }): Promise<RunningPeer>;
}
