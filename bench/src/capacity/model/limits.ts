import type { Coefficients } from './coefficients.ts';
import { fewest, processorMicros } from './costs.ts';
import { readersDemand } from './plan.ts';
import { type Question, scaledTo } from './question.ts';
import { redisByMemory, redisCosts, redisDemand } from './redis-needs.ts';

/** A resource of one process, or of one Redis, that is full at some number of streams. */
export interface Limit {
  readonly what:
    | 'the core of Redis'
    | 'the memory of Redis'
    | 'an API process'
    | 'a worker process'
    | 'an nginx process';
  /** that it carries at most; 0: not even one */
  readonly streams: number;
  /** what carries the next stream */
  readonly next: 'another process' | 'another shard';
}

/** What is full first as streams grow, all else as in the question; the first one first. */
export function limitsOf(coefficients: Coefficients, question: Question): Limit[] {
  const { processor } = coefficients;
  const most = (isTooMuch: (asked: Question) => boolean) =>
    fewest((streams) => isTooMuch(scaledTo(question, streams))) - 1;
  const isOver = (micros: number) => micros > question.utilisation * 1e6;
  const limits: Limit[] = [
    {
      what: 'the core of Redis',
      streams: most((asked) => isOver(processorMicros(redisCosts(coefficients, asked), redisDemand(asked)))),
      next: 'another shard',
    },
    {
      what: 'the memory of Redis',
      streams: most((asked) => redisByMemory(coefficients, asked) > 1),
      next: 'another shard',
    },
    {
      what: 'an API process',
      streams: most((asked) => isOver(processorMicros(processor.api, readersDemand(asked)))),
      next: 'another process',
    },
    {
      what: 'a worker process',
      streams: most((asked) => isOver(processorMicros(processor.worker, redisDemand(asked)))),
      next: 'another process',
    },
    {
      what: 'an nginx process',
      streams: most((asked) => isOver(processorMicros(processor.nginx, readersDemand(asked)))),
      next: 'another process',
    },
  ];
  return limits.sort((one, other) => one.streams - other.streams);
}
