import type { ReactNode } from 'react';

export interface ChartProps {
  readonly name: string;
  /** seconds since the epoch, then the values; null for none */
  readonly data: readonly [readonly number[], readonly (number | null)[]];
  /** what the newest value is in words: the picture is for the eye alone */
  readonly newest: string;
}

/** What a curve says in words, with its picture or without. */
export function Figure({ name, newest, children }: Pick<ChartProps, 'name' | 'newest'> & { children?: ReactNode }) {
  return (
    <figure className="chart">
      <figcaption>
        {name}: <strong>{newest}</strong>
      </figcaption>
      {children}
    </figure>
  );
}
