import { fileURLToPath } from 'node:url';
import { Child } from '@millrace/testing';
import { LoadGenerator } from '../load/load-generator.ts';
import { direct } from '../peers/direct/direct.ts';
import { langGraph } from '../peers/langgraph/langgraph.ts';
import { type RunningMillrace, startMillrace } from '../peers/millrace/millrace.ts';
import { modelItself } from '../peers/model/model.ts';
import { naive } from '../peers/naive/naive.ts';
import type { Peer, RunningPeer } from '../peers/peer.ts';
import { resumableStream } from '../peers/resumable-stream/resumable-stream.ts';
import { labelOf } from './labels.ts';

/** Who is measured beside Millrace, in the order of the tables. */
const OTHERS: readonly Peer[] = [modelItself, direct, resumableStream, langGraph, naive];

/** Everything that is measured, up at the same time so that it can take turns. */
export interface Stage extends AsyncDisposable {
  readonly model: { readonly url: string; readonly pid: number };
  readonly generator: LoadGenerator;
  /** by id, Millrace among them */
  readonly peers: ReadonlyMap<string, RunningPeer>;
  readonly millrace: RunningMillrace;
  readonly signal: AbortSignal;
}

interface StageOptions {
  /** the ids of those that are measured; Millrace is always there */
  readonly peers: readonly string[];
  readonly signal: AbortSignal;
}

/** Starts model, generator, Millrace and the peers that are wanted; settled when everything answers. */
export async function openStage({ peers: wanted, signal }: StageOptions): Promise<Stage> {
  await using started = new AsyncDisposableStack();
  const model = await startModelProcess();
  started.use(model.child);
  const generator = started.use(await LoadGenerator.start());
  const peers = new Map<string, RunningPeer>();
  for (const peer of OTHERS.filter(({ id }) => wanted.includes(id))) {
    signal.throwIfAborted();
    console.log(`starting: ${labelOf(peer.id)}`);
    peers.set(peer.id, started.use(await peer.start(model)));
  }
  console.log('starting: Millrace');
  const millrace = started.use(await startMillrace(model));
  peers.set('millrace', millrace);
  const running = started.move();
  return {
    model: { url: model.url, pid: model.child.pid },
    generator,
    peers,
    millrace,
    signal,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** The simulated model as a process of its own. */
export async function startModelProcess(): Promise<{ readonly url: string; readonly child: Child }> {
  const script = fileURLToPath(import.meta.resolve('@millrace/simulated-model/paced'));
  const child = await Child.start({ command: process.execPath, args: [script] });
  const line = await child.line((text) => text.startsWith('{"listening":'));
  return { url: (JSON.parse(line) as { listening: string }).listening, child };
}

const SHORT = { streams: 200, tokens: 10 };
const LONG = { streams: 20, tokens: 2_000 };

/** Lets every peer's code get hot, so that no round measures a compiler. */
export async function warmUp({ peers, generator, signal }: Stage): Promise<void> {
  for (const [id, peer] of peers) {
    console.log(`warming up: ${labelOf(id)}`);
    for (const { streams, tokens } of id === 'langgraph' ? [SHORT] : [SHORT, LONG]) {
      const { port, text } = peer.ask({ tokens, perSecond: 0, firstTokenMs: 0, stamped: false });
      await generator.run({ port, request: text, streams, atOnce: 20, overMs: 0, stamped: false }, { signal });
    }
  }
}
