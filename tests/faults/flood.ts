import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';

/** A client that POSTs as fast as it is answered. */
export class Flood implements Disposable {
  private readonly agent: Agent;

  /** @param atOnce concurrent requests */
  constructor(
    private readonly url: string,
    private readonly atOnce: number,
    private readonly headers: Readonly<Record<string, string>> = {},
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  }

  /** @param body of each request, by number
   *  @returns how many got each answer: `202`, or `503 QUEUE_FULL, Retry-After` */
  async post(count: number, body: (index: number) => string): Promise<Record<string, number>> {
    const answers: Record<string, number> = {};
    let next = 0;
    const one = async () => {
      for (let index = next++; index < count; index = next++) {
        const answer = await this.ask(body(index));
        answers[answer] = (answers[answer] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: this.atOnce }, one));
    return answers;
  }

  [Symbol.dispose](): void {
    this.agent.destroy();
  }

  private async ask(query: string): Promise<string> {
    const headers = { 'content-type': 'application/json', accept: 'application/json', ...this.headers };
    const outgoing = request(`${this.url}/jobs`, { method: 'POST', agent: this.agent, headers });
    outgoing.end(JSON.stringify({ query }));
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer) text += chunk;
    const { code } = JSON.parse(text) as { code?: string };
    const retryAfter = answer.headers['retry-after'] === undefined ? '' : ', Retry-After';
    return code === undefined ? `${answer.statusCode}` : `${answer.statusCode} ${code}${retryAfter}`;
  }
}
