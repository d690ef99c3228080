import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type ChartProps, Figure } from './figure.tsx';

const HEIGHT = 130;
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** @param seconds since the epoch */
function clockTimes(_: uPlot, seconds: number[]): string[] {
  return seconds.map((at) => CLOCK.format(at * 1000));
}

/** One curve over the time since the console was opened. */
export default function Chart({ name, data, newest }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const ink = getComputedStyle(element).color;
    const line = getComputedStyle(element).borderTopColor;
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: '11px system-ui' };
    const series = [{}, { stroke: getComputedStyle(element).outlineColor, width: 2, points: { show: false } }];
    const drawn = new uPlot(
      {
        ...{ width: element.clientWidth, height: HEIGHT, series, legend: { show: false }, cursor: { show: false } },
        axes: [
          { ...axis, size: 24, space: 90, values: clockTimes },
          { ...axis, size: 44 },
        ],
        scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
      },
      [[], []],
      element,
    );
    plot.current = drawn;
    const resized = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      drawn.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data as unknown as uPlot.AlignedData), [data]);
  return (
    <Figure name={name} newest={newest}>
      <div ref={box} className="chart-box" aria-hidden="true" />
    </Figure>
  );
}
