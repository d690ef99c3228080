import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { dashboardFiles } from './dashboards.mjs';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string; readonly exemplar?: boolean }[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

interface Board {
  readonly uid: string;
  readonly templating: { readonly list: readonly { readonly name: string }[] };
  readonly panels: readonly Panel[];
}

const FOLDER = new URL('./dashboards/', import.meta.url);
const RULES = readFileSync(new URL('./rules.yml', import.meta.url), 'utf8');
const boards = readdirSync(FOLDER).map((file) => {
  const board = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Board;
  return { file, board, panels: board.panels.filter(({ type }) => type !== 'row') };
});

describe('the dashboards', () => {
  it('are those that npm run docs:dashboards writes', () => {
    const made = Object.entries(dashboardFiles()).map(([file, text]) => [file, JSON.parse(text)]);
    expect(new Map(boards.map(({ file, board }) => [file, board]))).toEqual(new Map(made as [string, unknown][]));
  });

  it('have an id each, by which Grafana knows them again', () => {
    expect(new Set(boards.map(({ board }) => board.uid)).size).toBe(boards.length);
  });

  it.each(boards)('say of each panel what it tells, and in which unit: $file', ({ board, panels }) => {
    const lacking = panels.filter(({ description, fieldConfig, targets = [] }) => {
      return !description || !fieldConfig?.defaults.unit || targets.some(({ legendFormat }) => !legendFormat);
    });
    expect(lacking.map(({ title }) => title)).toEqual([]);
    expect(panels.filter(({ datasource }) => datasource?.uid !== `\${datasource}`)).toEqual([]);
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
  });

  it.each(boards)('use each variable that they offer, and offer each that they use: $file', ({ board, panels }) => {
    const text = JSON.stringify(panels);
    const used = [...text.matchAll(/\$(?:\{(\w+)\}|(?!__)(\w+))/g)].map(([, inBraces, bare]) => inBraces ?? bare);
    expect(new Set(used)).toEqual(new Set(board.templating.list.map(({ name }) => name)));
  });

  it.each(boards)('leave no panel upon another: $file', ({ board }) => {
    const cells = board.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(board.panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
  });

  it('link first tokens to traces, once a panel', () => {
    const linked = boards.flatMap(({ panels }) =>
      panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr, exemplar }) => (exemplar ? [expr] : []))),
    );
    const histograms = linked.map((expr) => /millrace_\w+(?=_bucket)/.exec(expr)?.[0]);
    expect(histograms.toSorted()).toEqual([
      'millrace_stream_first_token_seconds',
      'millrace_worker_first_token_seconds',
    ]);
  });

  it('name only alerts that there are', () => {
    const named = JSON.stringify(boards).match(/Millrace[A-Z]\w+(?= fires)/g) ?? [];
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((alert) => !RULES.includes(`- alert: ${alert}\n`))).toEqual([]);
  });
});
