import type { Measured } from '../speed/figures.ts';
import { KEPT } from './cases/kept-jobs.ts';
import { PREDICTED } from './cases/loads.ts';
import { SILENT } from './cases/silent-streams.ts';
import { demandOf, keptEvents, processesOf, type Reading, readingOf, silentGrowth } from './fitted-coefficients.ts';
import { type Coefficients, PARTS } from './model/coefficients.ts';
import { processorMicros, sharedOut, trafficBytes } from './model/costs.ts';
import { eventsInFullNodes } from './model/redis-needs.ts';

/** A figure that was not fitted. */
export interface Prediction {
  /** at which size */
  readonly size: string;
  /** what it is, with its unit */
  readonly figure: string;
  readonly measured: number;
  readonly predicted: number;
}

/** What the model says beforehand of every size that was left out of its fits, beside what was measured there.
 *  @throws RangeError something was not measured */
export function predictionsOf(coefficients: Coefficients, measured: readonly Measured[]): Prediction[] {
  const read = readingOf(measured);
  return [
    ...PREDICTED.flatMap((point) => loadPredictions(coefficients, read, point)),
    ...silentPredictions(coefficients, read),
    ...keptPredictions(coefficients, read),
  ];
}

/** How far the prediction is off, as a part of what was measured. */
export function errorOf({ measured, predicted }: Prediction): number {
  return predicted / measured - 1;
}

function loadPredictions(
  { processor, wire }: Coefficients,
  read: Reading,
  { of, streams, rate, answerTokens }: (typeof PREDICTED)[number],
): Prediction[] {
  const demand = demandOf(read, of);
  const ends = answerTokens === undefined ? '' : `, ${Math.round(demand.jobsPerSecond)} answers/s`;
  const size = `${streams} streams at ${rate}/s${ends}`;
  return [
    ...PARTS.map((part) => {
      const processes = processesOf(read, part, of);
      const predicted = processes * processorMicros(processor[part], sharedOut(demand, processes));
      return {
        size,
        figure: `${part === 'api' ? 'API' : part === 'redis' ? 'Redis' : part}, CPU ms/s`,
        measured: read(of, `${part}Micros`) / 1e3,
        predicted: predicted / 1e3,
      };
    }),
    {
      ...{ size, figure: 'to Redis, KB/s', measured: read(of, 'toRedisBytes') / 1e3 },
      predicted: trafficBytes(wire.toRedis, demand) / 1e3,
    },
    {
      ...{ size, figure: 'from Redis, KB/s', measured: read(of, 'fromRedisBytes') / 1e3 },
      predicted: trafficBytes(wire.fromRedis, demand) / 1e3,
    },
  ];
}

function silentPredictions({ kept }: Coefficients, read: Reading): Prediction[] {
  const streams = SILENT.predicted;
  const at = (name: string) => read('silent', name, String(streams));
  const size = `${streams} silent streams`;
  const grown = (name: string) => {
    const { slope, atZero } = silentGrowth(read, name);
    return atZero + slope * streams;
  };
  const mebibytes = (figure: string, measured: number, predicted: number) => ({
    ...{ size, figure: `${figure}, MiB`, measured: measured / 2 ** 20, predicted: predicted / 2 ** 20 },
  });
  return [
    mebibytes('worker', at('workerBytes'), grown('workerBytes')),
    mebibytes('API', at('apiBytes'), grown('apiBytes')),
    mebibytes('nginx', at('nginxBytes'), grown('nginxBytes')),
    mebibytes('in Redis', at('dataBytes'), kept.base + kept.openJob * streams),
  ];
}

function keptPredictions({ kept, wire }: Coefficients, read: Reading): Prediction[] {
  const { tokens } = KEPT.predicted;
  const at = (name: string) => read('kept', name, String(tokens));
  const size = `ended answers of ${tokens} tokens`;
  const [jobs, events] = [at('jobs'), keptEvents(read, String(tokens))];
  const perJob = (measured: number, predicted: number) => ({ measured: measured / jobs, predicted: predicted / jobs });
  return [
    {
      size,
      figure: 'in Redis, bytes each',
      ...perJob(at('dataBytes'), jobs * (kept.endedJob + kept.event * eventsInFullNodes(events / jobs))),
    },
    {
      size,
      figure: 'to readers, bytes each',
      ...perJob(at('wireBytes'), wire.toReader.job * jobs + wire.toReader.event * events),
    },
  ];
}
