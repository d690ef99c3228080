import type { FastifyInstance, HTTPMethods } from 'fastify';
import findMyWay from 'find-my-way';
import { MethodNotAllowed } from '../http/problem.ts';
import { httpProblem } from '../http/to-problem.ts';

/** Refuses unknown routes before their body is read: 405 if the path has other methods, otherwise 404.
 *  @see PROTOCOL.md §7 */
export function refuseUnknownRoutes(fastify: FastifyInstance): void {
  const known = new KnownMethods();
  fastify.addHook('onRoute', ({ url, method }) => known.add(url, [method].flat()));
  fastify.addHook('onRequest', (request, _reply, done) => {
    done(request.is404 ? refusalOf(known.at(request.raw.url ?? '')) : undefined);
  });
}

function refusalOf(methods: readonly string[]): Error {
  return methods.length > 0 ? new MethodNotAllowed(methods) : httpProblem(404);
}

/** The methods of each path. The router finds a route by path and method only, so this keeps a second one by path. */
class KnownMethods {
  readonly #paths = findMyWay({ maxParamLength: Number.MAX_SAFE_INTEGER });
  readonly #methods = new Map<string, string[]>();

  /** @param pattern of a route: `/jobs/:id` */
  add(pattern: string, methods: readonly HTTPMethods[]): void {
    // the route of CORS preflights, which takes any path
    if (pattern === '*') return;
    const there = this.#methods.get(pattern);
    if (there !== undefined) {
      there.push(...methods);
      return;
    }
    const own: string[] = [...methods];
    this.#methods.set(pattern, own);
    this.#paths.on('GET', pattern, () => undefined, own);
  }

  /** @param url of a request, query included
   *  @returns an empty list if no route has the path */
  at(url: string): readonly string[] {
    const found = this.#paths.find('GET', url);
    // this router accepts an empty parameter, Nest's does not
    if (found === null || Object.values(found.params).includes('')) return [];
    return found.store as readonly string[];
  }
}
