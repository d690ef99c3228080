import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { inProject } from '../../scripts/setup/project.mjs';
import { quickened } from './quickened.ts';

const RULES = readFileSync(inProject('infra/observability/rules.yml'), 'utf8');
const CONFIG = readFileSync(inProject('infra/observability/prometheus.yml'), 'utf8');

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly expr: string; readonly for?: string }[] }[];
}

const rulesOf = (yaml: string) => (parse(yaml) as Rules).groups.flatMap(({ rules }) => rules);
const windowsOf = (yaml: string) => rulesOf(yaml).flatMap(({ expr }) => expr.match(/\[[^\]]+\]/g) ?? []);

describe('rules that are quickened', () => {
  it('have a fraction of their durations, and their thresholds and names as they were', () => {
    const rule = { alert: 'Slow5m', expr: 'sum(rate(a:rate5m[5m] offset 1h)) * 600 > 10', for: '2m' };
    const yaml = JSON.stringify({ groups: [{ interval: '15s', rules: [rule] }] });
    expect(parse(quickened(yaml, 10))).toEqual({
      groups: [
        {
          interval: '1500ms',
          rules: [{ alert: 'Slow5m', expr: 'sum(rate(a:rate5m[30000ms] offset 360000ms)) * 600 > 10', for: '12000ms' }],
        },
      ],
    });
  });

  it('are those of the project, each of them', () => {
    const [slow, quick] = [rulesOf(RULES), rulesOf(quickened(RULES, 10))];
    expect(quick.length).toBe(slow.length);
    expect(windowsOf(quickened(RULES, 10)).filter((window) => !window.endsWith('ms]'))).toEqual([]);
    expect(quick.flatMap((rule) => rule.for ?? []).filter((duration) => !duration.endsWith('ms'))).toEqual([]);
  });

  it('have at least four scrapes in each window, as in production', () => {
    const { global } = parse(CONFIG) as { global: { scrape_interval: string } };
    expect(global.scrape_interval).toBe('15s');
    const minutes = windowsOf(RULES).map((window) => Number(/^\[(\d+)m\]$/.exec(window)?.[1]));
    expect(minutes.length).toBeGreaterThan(5);
    expect(Math.min(...minutes)).toBeGreaterThanOrEqual(1);
  });
});
