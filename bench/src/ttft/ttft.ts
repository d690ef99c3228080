import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Benchmark } from '../benchmark.ts';
import { thisMachine } from '../measure/machine.ts';
import { medians } from '../measure/median.ts';
import { replaceSection } from '../measure/section.ts';
import { formatMs } from '../measure/table.ts';
import { askOnce, CASES, type Case } from './cases.ts';
import type { Marks } from './reading.ts';
import { type TtftResult, ttftReport, ttftTimeline } from './report.ts';
import { ANSWER, TOKENS } from './simulated-answer.ts';
import { openStage, type Stage } from './stage.ts';
import { timelineSvg } from './timeline-svg.ts';

const RESULTS = new URL('../../results/', import.meta.url);
const PAGE = new URL('../../README.md', import.meta.url);
const PICTURES = new URL('../../../docs/images/', import.meta.url);

/** How long a client waits for the first token of one answer, and for what comes before it and after.
 *  Prints a table; keeps it in `bench/README.md`, the figures in `bench/results/ttft.json` and their picture in
 *  `docs/images/ttft.svg`. */
export const measureTtft: Benchmark = async ({ rounds, signal }) => {
  const samples = await measure(rounds, signal);
  const result: TtftResult = {
    benchmark: 'ttft',
    measuredOn: new Date().toISOString().slice(0, 10),
    machine: thisMachine(),
    rounds,
    model: ANSWER,
    cases: CASES.map(({ id, label, pictured }) => {
      const own = samples.get(id) ?? [];
      return { id, label, pictured, medians: medians(own), samples: own };
    }),
  };
  console.log(`\n${ttftReport(result)}\n`);
  await keep(result);
};

/** The samples of each case, by its id. The cases take turns, so that a slow minute of the machine touches all alike. */
async function measure(rounds: number, signal: AbortSignal): Promise<Map<string, Marks[]>> {
  await using stage = await openStage();
  // the first requests load code and open connections
  await Promise.all(CASES.map((each) => measureOnce(each, stage, signal)));
  const samples = new Map<string, Marks[]>(CASES.map(({ id }) => [id, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const each of CASES) {
      const marks = await measureOnce(each, stage, signal);
      samples.get(each.id)?.push(marks);
      console.log(`round ${round} of ${rounds}: ${each.label}: first token after ${formatMs(marks.firstTokenMs)} ms`);
    }
  }
  return samples;
}

async function measureOnce(each: Case, stage: Stage, signal: AbortSignal): Promise<Marks> {
  const { text, marks } = await askOnce(each, stage, signal);
  if (text !== TOKENS.join('')) throw new Error(`${each.label}: the answer is not what the model said: ${text}`);
  return rounded(marks);
}

/** To a hundredth of a millisecond: what follows is no measurement. */
function rounded(marks: Marks): Marks {
  const to = (ms: number) => Number(ms.toFixed(2));
  const { headersMs, firstByteMs, firstTokenMs, endMs } = marks;
  return { headersMs: to(headersMs), firstByteMs: to(firstByteMs), firstTokenMs: to(firstTokenMs), endMs: to(endMs) };
}

async function keep(result: TtftResult): Promise<void> {
  await Promise.all([RESULTS, PICTURES].map((folder) => mkdir(folder, { recursive: true })));
  await writeFile(new URL('ttft.json', RESULTS), `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(new URL('ttft.svg', PICTURES), timelineSvg(ttftTimeline(result)));
  await writeFile(PAGE, replaceSection(await readFile(PAGE, 'utf8'), 'ttft', ttftReport(result)));
}
