import { hash } from 'node:crypto';
import {
  BaseStore,
  type Item,
  type MatchCondition,
  type Operation,
  type OperationResults,
} from '@langchain/langgraph-checkpoint';

/** Names a tenant's store for those who write to it and erase it. No thread has this name. */
export function storeSubject(tenant: string): string {
  return `store\0${tenant}`;
}

/** One tenant's part of a store that all share: its items are below a namespace of its own. */
export class TenantStore extends BaseStore {
  readonly #root: string;

  constructor(
    readonly shared: BaseStore,
    tenant: string,
  ) {
    super();
    // LangGraph's store compares beginnings with LIKE: no tenant's label may begin another's, or hold a wildcard
    this.#root = `tenant-${hash('sha256', tenant)}`;
  }

  override async batch<Op extends Operation[]>(operations: Op): Promise<OperationResults<Op>> {
    const results: unknown[] = await this.shared.batch(operations.map((operation) => this.#inside(operation)));
    return results.map((result) => this.#outside(result)) as OperationResults<Op>;
  }

  #inside(operation: Operation): Operation {
    if ('namespacePrefix' in operation) {
      return { ...operation, namespacePrefix: [this.#root, ...operation.namespacePrefix] };
    }
    if ('namespace' in operation) return { ...operation, namespace: [this.#root, ...operation.namespace] };
    const { matchConditions = [], maxDepth } = operation;
    const prefixes = matchConditions.filter(({ matchType }) => matchType === 'prefix');
    const below = (prefixes.length > 0 ? prefixes : [{ matchType: 'prefix' as const, path: [] }]).map(
      ({ matchType, path }): MatchCondition => ({ matchType, path: [this.#root, ...path] }),
    );
    return {
      ...operation,
      matchConditions: [...below, ...matchConditions.filter(({ matchType }) => matchType !== 'prefix')],
      ...(maxDepth === undefined ? {} : { maxDepth: maxDepth + 1 }),
    };
  }

  #outside(result: unknown): unknown {
    if (Array.isArray(result)) return result.map((one) => (Array.isArray(one) ? one.slice(1) : this.#outside(one)));
    if (typeof result !== 'object' || result === null || !('namespace' in result)) return result;
    const item = result as Item;
    return { ...item, namespace: item.namespace.slice(1) };
  }
}
