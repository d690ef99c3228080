import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { replaceSection } from '../measure/section.ts';
import { FITTED } from './cases/loads.ts';
import { coefficientsOf, demandOf, processesOf, readingOf } from './fitted-coefficients.ts';
import { PARTS } from './model/coefficients.ts';
import { processorMicros, sharedOut } from './model/costs.ts';
import { predictionsOf } from './predictions.ts';
import { coefficientTables, errorTable, fittedTable, sizesTables } from './report.ts';
import type { CapacityResult } from './result.ts';

const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
const result = JSON.parse(read('bench/results/capacity.json')) as CapacityResult;

describe('the committed capacity model', () => {
  it('follows from what was measured', () => {
    expect(coefficientsOf(result.measured)).toEqual(result.coefficients);
    expect(predictionsOf(result.coefficients, result.measured)).toEqual(result.predictions);
  });

  it('agrees with the loads that it was fitted to', () => {
    const reading = readingOf(result.measured);
    const ratios = FITTED.flatMap(({ of }) =>
      PARTS.map((part) => {
        const processes = processesOf(reading, part, of);
        const demand = sharedOut(demandOf(reading, of), processes);
        return (
          (processes * processorMicros(result.coefficients.processor[part], demand)) / reading(of, `${part}Micros`)
        );
      }),
    );
    expect(Math.min(...ratios)).toBeGreaterThan(0.6);
    expect(Math.max(...ratios)).toBeLessThan(1.6);
    const mean = ratios.reduce((sum, ratio) => sum + Math.abs(ratio - 1), 0) / ratios.length;
    expect(mean).toBeLessThan(0.15);
  });

  it('is what docs/scale.md shows', () => {
    const page = read('docs/scale.md');
    const sections = {
      coefficients: coefficientTables(result),
      loads: fittedTable(result),
      errors: errorTable(result),
      sizes: sizesTables(result),
    };
    for (const [name, made] of Object.entries(sections)) expect(replaceSection(page, name, made)).toBe(page);
  });
});
