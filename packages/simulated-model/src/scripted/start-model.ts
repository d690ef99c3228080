import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type ModelScript, playScript, refuse } from './model-answer.ts';
import { ModelGate } from './model-gate.ts';
import { type ChatRequest, type ModelRequest, promptOf, type RequestEnd } from './model-request.ts';
import type { AnswerOptions, ModelFailure, ModelSteps } from './model-step.ts';

/** A model that sends exactly what a test wants, over OpenAI's wire protocols (`POST /v1/chat/completions` and
 *  `POST /v1/responses`, streamed or not, and `GET /v1/models`) on a real HTTP server.
 *
 *  It does not use `@copilotkit/aimock`, as the demonstration does: aimock cuts a text into chunks of a fixed length,
 *  so a test could not choose where a delta ends; it needs the whole answer before it begins, so a test could not send
 *  token by token; and it does not report when a client has closed its connection. */
export class SimulatedModel implements AsyncDisposable {
  /** every request so far, in order of arrival, including those refused on purpose */
  readonly requests: ModelRequest[] = [];
  private readonly scripts: {
    readonly to: AnswerOptions['to'];
    readonly script: (request: ModelRequest) => ModelScript;
  }[] = [];
  private readonly gates: { readonly to: AnswerOptions['to']; readonly gate: ModelGate }[] = [];
  private readonly failures: ModelFailure[] = [];
  private readonly arrivals = new Map<number, PromiseWithResolvers<ModelRequest>>();
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      void this.handle(request, response);
    });
  }

  /** for `OPENAI_BASE_URL` */
  get baseUrl(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the model is not listening');
    return `http://127.0.0.1:${address.port}/v1`;
  }

  async listen(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  /** Sets the answer to every prompt, or to those that match `to`; the last one set wins.
   *  @param steps iterated again for each request: an array, or a function if it can be iterated only once, or if the
   *               answer depends on the request */
  answer(
    steps: readonly Parameters<ModelGate['step']>[0][] | ((request: ModelRequest) => ModelSteps),
    options: AnswerOptions = {},
  ): this {
    const script = (request: ModelRequest) => ({
      ...options,
      steps: typeof steps === 'function' ? steps(request) : steps,
    });
    this.scripts.unshift({ to: options.to, script });
    return this;
  }

  /** Takes the next request that matches, and waits for the test to write. Takes precedence over every answer. */
  gated({ to }: Pick<AnswerOptions, 'to'> = {}): ModelGate {
    const gate = new ModelGate();
    this.gates.push({ to, gate });
    return gate;
  }

  /** Refuses the next requests, then answers as before. */
  failNext(times: number, failure: ModelFailure): this {
    for (let count = 0; count < times; count += 1) this.failures.push(failure);
    return this;
  }

  /** The request with this index, once it has arrived. */
  request(index: number): Promise<ModelRequest> {
    const known = this.requests[index];
    if (known !== undefined) return Promise.resolve(known);
    const arrival = this.arrivals.get(index) ?? Promise.withResolvers<ModelRequest>();
    this.arrivals.set(index, arrival);
    return arrival.promise;
  }

  /** The text written in answer to a request so far; '' before it has arrived. */
  said(index: number): string {
    return this.requests[index]?.said ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if (incoming.url?.endsWith('/models')) return void response.end(MODEL_LIST);
    if (!/\/(chat\/completions|responses)$/.test(incoming.url ?? ''))
      return refuse(response, { status: 404, message: 'no such path' });
    response.on('error', () => {
      // written after the client had disconnected; `ended` reports it
    });
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const body = await readBody(incoming);
    if (body === null) return refuse(response, { status: 400, message: 'the body is not JSON' });
    const request = this.enter(incoming, body, response);
    const failure = this.failures.shift();
    if (failure !== undefined) return refuse(response, failure);
    await playScript(this.scriptFor(request), request, response, gone.signal);
  }

  private enter(incoming: IncomingMessage, body: ChatRequest, response: ServerResponse): ModelRequest {
    const ended = Promise.withResolvers<RequestEnd>();
    const end = () => {
      const by = response.writableFinished || request.wasReset ? 'server' : 'client';
      ended.resolve({ by, at: performance.now() });
    };
    const request: ModelRequest = {
      index: this.requests.length,
      at: performance.now(),
      headers: incoming.headers,
      body,
      prompt: promptOf(body),
      said: '',
      reported: null,
      wasReset: false,
      ended: ended.promise,
    };
    if (response.closed) end();
    else response.once('close', end);
    this.requests.push(request);
    this.arrivals.get(request.index)?.resolve(request);
    return request;
  }

  private scriptFor(request: ModelRequest): ModelScript {
    const gated = this.gates.findIndex(({ to }) => matches(to, request.prompt));
    const [taken] = gated === -1 ? [] : this.gates.splice(gated, 1);
    if (taken !== undefined) {
      taken.gate.begin(request);
      return { steps: taken.gate };
    }
    const script = this.scripts.find(({ to }) => matches(to, request.prompt))?.script;
    return script?.(request) ?? { steps: ['Hello', ', ', 'world', '!'] };
  }
}

/** Starts a simulated model on a free port: `await using model = await startModel()`. */
export async function startModel(): Promise<SimulatedModel> {
  const model = new SimulatedModel();
  await model.listen();
  return model;
}

const MODEL_LIST = JSON.stringify({ object: 'list', data: [{ id: 'simulated', object: 'model', owned_by: 'test' }] });

function matches(to: AnswerOptions['to'], prompt: string): boolean {
  if (to === undefined) return true;
  return typeof to === 'string' ? to === prompt : to.test(prompt);
}

/** @returns null for a body that is not JSON or is incomplete */
async function readBody(incoming: IncomingMessage): Promise<ChatRequest | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return null; // the caller answers with an error, to a client that may have disconnected
  }
}
