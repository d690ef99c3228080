import type { MatchCondition } from '@langchain/langgraph-checkpoint';

type Operator = (actual: unknown, wanted: unknown) => boolean;

/** The operators of a search's filter, as LangGraph's InMemoryStore has them. */
const OPERATORS: Readonly<Record<string, Operator>> = {
  $eq: (actual, wanted) => same(actual, wanted),
  $ne: (actual, wanted) => !same(actual, wanted),
  $gt: (actual, wanted) => Number(actual) > Number(wanted),
  $gte: (actual, wanted) => Number(actual) >= Number(wanted),
  $lt: (actual, wanted) => Number(actual) < Number(wanted),
  $lte: (actual, wanted) => Number(actual) <= Number(wanted),
  $in: (actual, wanted) => Array.isArray(wanted) && wanted.some((one) => same(actual, one)),
  $nin: (actual, wanted) => !Array.isArray(wanted) || !wanted.some((one) => same(actual, one)),
};

/** @param filter by field: a value that it must have, or operators that must all hold
 *  @throws RangeError an unknown operator */
export function matchesFilter(value: Readonly<Record<string, unknown>>, filter: Readonly<Record<string, unknown>>) {
  return Object.entries(filter).every(([field, wanted]) => matches(value[field], wanted));
}

/** Whether a namespace begins, or ends, as a condition says; `*` stands for any label. */
export function matchesNamespace(labels: readonly string[], { matchType, path }: MatchCondition): boolean {
  if (path.length > labels.length) return false;
  const start = matchType === 'prefix' ? 0 : labels.length - path.length;
  return path.every((label, nth) => label === '*' || label === labels[start + nth]);
}

function matches(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) return same(actual, wanted);
  const names = Object.keys(wanted);
  if (names.length === 0 || !names.some((name) => name.startsWith('$'))) return same(actual, wanted);
  return Object.entries(wanted).every(([name, operand]) => {
    const operator = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
    if (operator === undefined) throw new RangeError(`a store's filter has no operator ${name}`);
    return operator(actual, operand);
  });
}

/** Of JSON values: objects are equal that have the same text. */
function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));
}
