/** A measured value, and what it is to be explained by. */
export interface Observation {
  /** one value for each coefficient that is sought */
  readonly terms: readonly number[];
  readonly value: number;
}

/** The coefficients, none below zero, whose sums of products come closest to the values. Errors count in proportion to the
 *  value: a small load tells as much as a large one.
 *
 *  Solves the normal equations; a coefficient that would be negative is left out, and the others are found again.
 *  @returns one coefficient for each term
 *  @throws RangeError there are fewer observations than coefficients, or a value is not above zero */
export function leastSquares(observations: readonly Observation[]): number[] {
  const count = observations[0]?.terms.length ?? 0;
  if (observations.length < count || count === 0)
    throw new RangeError(`${observations.length} observations for ${count} coefficients`);
  if (observations.some(({ value }) => !(value > 0))) throw new RangeError('an observed value is not above zero');
  const scaled = observations.map(({ terms, value }) => terms.map((term) => term / value));
  let used = Array.from({ length: count }, (_, at) => at);
  for (;;) {
    const found = solve(normalEquations(scaled, used));
    const worst = found.indexOf(Math.min(...found));
    if (used.length === 1 || (found[worst] ?? 0) >= 0) return spread(found, used, count);
    used = used.filter((_, at) => at !== worst);
  }
}

/** A straight line through points, every point counting alike.
 *  @returns how much y grows with x, and y at 0
 *  @throws RangeError there are not two different x */
export function straightLine(points: readonly { readonly x: number; readonly y: number }[]): {
  readonly slope: number;
  readonly atZero: number;
} {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map((point) => point.x)), mean(points.map((point) => point.y))];
  const spreadOfX = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
  if (!(spreadOfX > 0)) throw new RangeError('a line needs two different points');
  const slope = points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / spreadOfX;
  return { slope, atZero: y - slope * x };
}

/** Of rows that should each come to 1: the left sides and the right side of the normal equations, a row each. */
function normalEquations(rows: readonly (readonly number[])[], used: readonly number[]): number[][] {
  const product = (one: number, other: number) =>
    rows.reduce((sum, row) => sum + (row[one] ?? 0) * (row[other] ?? 0), 0);
  return used.map((one) => [
    ...used.map((other) => product(one, other)),
    rows.reduce((sum, row) => sum + (row[one] ?? 0), 0),
  ]);
}

/** Gauss's elimination with the largest pivot.
 *  @param equations a row each, the right side last
 *  @throws RangeError they do not determine the unknowns */
function solve(equations: readonly (readonly number[])[]): number[] {
  const rows = equations.map((row) => [...row]);
  const size = rows.length;
  for (let column = 0; column < size; column += 1) {
    const below = rows.slice(column).map((row) => Math.abs(row[column] ?? 0));
    const pivotAt = column + below.indexOf(Math.max(...below));
    const [pivot = [], passed = []] = [rows[pivotAt], rows[column]];
    if (!(Math.abs(pivot[column] ?? 0) > 0))
      throw new RangeError('the observations do not tell the coefficients apart');
    rows[pivotAt] = passed;
    rows[column] = pivot;
    for (const [at, row] of rows.entries()) {
      if (at === column) continue;
      const factor = (row[column] ?? 0) / (pivot[column] ?? 1);
      rows[at] = row.map((value, place) => value - factor * (pivot[place] ?? 0));
    }
  }
  return rows.map((row, at) => (row[size] ?? 0) / (row[at] ?? 1));
}

function spread(found: readonly number[], used: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, at) => Math.max(0, found[used.indexOf(at)] ?? 0));
}
