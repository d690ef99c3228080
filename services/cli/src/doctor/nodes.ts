import { plainLine } from '../terminal/plain.ts';
import { type Finding, fault, ok, warning } from './finding.ts';
import { skewFinding } from './redis.ts';

/** `Date` has whole seconds. */
const MAX_SKEW_MS = 2000;
const TIMEOUT_MS = 5000;

/** How a request has reached a node. @see PROTOCOL.md §8 */
export interface ConnectionView {
  readonly node: string;
  readonly time: string;
  readonly httpVersion: string;
  readonly heartbeatMs: number;
}

/** Whether an address answers, is ready, and agrees about the time.
 *  @param url of a node, or of what stands before them */
export async function examineNode(url: string): Promise<Finding[]> {
  const about = `node ${plainLine(url)}`;
  try {
    const from = Date.now();
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const to = Date.now();
    const body = (await answer.json().catch(() => ({}))) as Readiness;
    const date = Date.parse(answer.headers.get('date') ?? '');
    // the time that it says is up to a second ago
    const skew = Number.isNaN(date)
      ? []
      : [skewFinding(`${about}: clock`, Math.max(0, from - date - 1000, date - to), MAX_SKEW_MS)];
    return [readinessOf(about, answer.status, body), ...skew];
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const why = plainLine(cause instanceof Error ? cause.message || cause.name : String(cause));
    return [
      fault(
        about,
        `cannot be reached: ${why}`,
        'check the address, the port and the firewall; is the service running?',
      ),
    ];
  }
}

/** As a node says it, or whoever answers in its place. @see PROTOCOL.md §8 */
interface Readiness {
  readonly obstacles?: unknown;
  readonly lostShards?: unknown;
}

function readinessOf(about: string, status: number, { obstacles, lostShards }: Readiness): Finding {
  if (status === 200 && Array.isArray(lostShards) && lostShards.length > 0)
    return fault(
      about,
      `is ready, but does not reach every Redis: shard ${plainLine(lostShards.join(', '))} is lost`,
      'bring that Redis back, or mend the way there: --redis looks at each of REDIS_URLS',
    );
  if (status === 200) return ok(about, 'ready');
  const named = Array.isArray(obstacles) ? plainLine(obstacles.join(', ')) : '';
  if (status === 503 && named !== '')
    return fault(about, `is not ready: ${named}`, REMEDIES[named] ?? 'see the log of the node');
  if (status === 404)
    return warning(about, 'has no /readyz: is this a Millrace?', 'point --url at the service itself, without a path');
  return fault(about, `/readyz is answered with ${status}`, 'see the log of the proxy: it may find no node');
}

const REMEDIES: Readonly<Record<string, string>> = {
  redis: 'the node cannot reach its Redis: check its REDIS_URL',
  'redis-writes': 'its Redis is full or a replica: raise maxmemory, or point REDIS_URL at the primary',
  'master-keys': 'its master keys are not those of what Redis holds, or not checked yet: see its log',
  subscriptions: 'the node has lost its subscriptions: look again in a few seconds, then see its log',
  draining: 'the node is stopping: nothing to mend',
};
