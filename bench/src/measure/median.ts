/** The middle of the values, or the mean of the two in the middle.
 *  @throws RangeError there are none */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('the median of no values');
  return (lower + upper) / 2;
}

/** The median of each field over many samples.
 *  @throws RangeError there are none */
export function medians<Sample extends Readonly<Record<keyof Sample, number>>>(samples: readonly Sample[]): Sample {
  const [first] = samples;
  if (first === undefined) throw new RangeError('the medians of no samples');
  const fields = Object.keys(first) as (keyof Sample)[];
  return Object.fromEntries(fields.map((field) => [field, median(samples.map((sample) => sample[field]))])) as Sample;
}
