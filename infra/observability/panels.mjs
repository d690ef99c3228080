/** The parts that the dashboards are made of. Grafana's own builders know which fields there are. */

import * as common from '@grafana/grafana-foundation-sdk/common';
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  StackingMode,
  TooltipDisplayMode,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

/** @import { Panel } from '@grafana/grafana-foundation-sdk/dashboard' */
/** @import { Builder } from '@grafana/grafana-foundation-sdk/cog' */

const PROMETHEUS = { type: 'prometheus', uid: `\${datasource}` };

/**
 * @typedef {object} Look
 * @property {string} title
 * @property {string} description what it tells, and what is normal
 * @property {string} unit of Grafana's list: `s`, `bytes`, `reqps`, `ops`, `short`, `percentunit`
 * @property {readonly (readonly [expr: string, legend: string])[]} queries
 * @property {boolean} [exemplars] whether it shows those of its histogram, with links to their traces
 */

/**
 * @param {string} expr
 * @param {string} legend
 * @param {number} place
 */
const query = (expr, legend, place) =>
  new DataqueryBuilder()
    .expr(expr)
    .legendFormat(legend)
    .refId(String.fromCharCode(65 + place))
    .datasource(PROMETHEUS);

/**
 * Lines over time.
 * @param {Look & { stacked?: boolean, span?: number }} look
 * @returns {Builder<Panel>}
 */
export function lines({ title, description, unit, queries, exemplars = false, stacked = false, span = 8 }) {
  const panel = new timeseries.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .unit(unit)
    .min(0)
    .height(8)
    .span(span)
    .drawStyle(GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(stacked ? 30 : 8)
    .stacking(new common.StackingConfigBuilder().mode(stacked ? StackingMode.Normal : StackingMode.None))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    );
  for (const [place, [expr, legend]] of queries.entries()) {
    const target = query(expr, legend, place);
    // every quantile has the same ones
    if (exemplars && place === 0) target.exemplar(true);
    panel.withTarget(target);
  }
  return panel;
}

/**
 * The latest figure, large.
 * @param {Look & { span?: number }} look
 * @returns {Builder<Panel>}
 */
export function figure({ title, description, unit, queries, span = 4 }) {
  const panel = new stat.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .unit(unit)
    .height(4)
    .span(span)
    .colorMode(BigValueColorMode.None)
    .graphMode(BigValueGraphMode.Area)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']));
  for (const [place, [expr, legend]] of queries.entries()) panel.withTarget(query(expr, legend, place).range());
  return panel;
}

/**
 * Quantiles of a histogram, as queries.
 * @param {string} histogram its name, without `_bucket`
 * @param {string} selector of its series, with braces; '' for all
 * @returns {Look['queries']}
 */
export const quantiles = (histogram, selector = '') =>
  [0.5, 0.95, 0.99].map((quantile) => [
    `histogram_quantile(${quantile}, sum by (le) (rate(${histogram}_bucket${selector}[$__rate_interval])))`,
    `p${quantile * 100}`,
  ]);

/**
 * A dashboard.
 * @param {object} parts
 * @param {string} parts.uid
 * @param {string} parts.title
 * @param {string} parts.description
 * @param {string | null} parts.instancesOf scrape job whose instances can be chosen; null: none
 * @param {Readonly<Record<string, readonly Builder<Panel>[]>>} parts.rows by title
 */
export function dashboard({ uid, title, description, instancesOf, rows }) {
  const board = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['millrace'])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('15s')
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .link(
      new DashboardLinkBuilder('Millrace')
        .type(DashboardLinkType.Dashboards)
        .tags(['millrace'])
        .asDropdown(false)
        .keepTime(true)
        .includeVars(false),
    )
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'));
  if (instancesOf !== null) {
    board.withVariable(
      new QueryVariableBuilder('instance')
        .label('Instance')
        .datasource(PROMETHEUS)
        .query(`label_values(up{job="${instancesOf}"}, instance)`)
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .sort(VariableSort.AlphabeticalAsc)
        .multi(true)
        .includeAll(true)
        .allValue('.*')
        .current({ selected: true, text: ['All'], value: ['$__all'] }),
    );
  }
  for (const [name, panels] of Object.entries(rows)) {
    board.withRow(new RowBuilder(name));
    for (const panel of panels) board.withPanel(panel);
  }
  const built = board.build();
  for (const [place, panel] of (built.panels ?? []).entries()) panel.id = place + 1;
  return built;
}
