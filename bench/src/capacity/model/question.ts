/** What a deployment is to carry, and on what. */
export interface Question {
  /** open at a time, each with a job that runs */
  readonly streams: number;
  /** tokens per second of one stream */
  readonly rate: number;
  /** jobs that begin, and end, per second */
  readonly jobsPerSecond: number;
  /** tokens of one answer */
  readonly answerTokens: number;
  /** readers of each stream, each on an API node of its own */
  readonly watchers: number;
  /** how long a job outlives its end, seconds */
  readonly retention: number;
  /** how much of a core a process may take, 0 to 1 */
  readonly utilisation: number;
  /** what one Redis may hold, GiB */
  readonly redisGib: number;
  /** cores of one machine */
  readonly nodeCores: number;
}

export const DEFAULTS = {
  answerTokens: 500,
  watchers: 1,
  retention: 86_400,
  utilisation: 0.6,
  redisGib: 64,
  nodeCores: 4,
} as const;

/** A question with what was left out filled in. When answers follow each other without a pause, jobs per second and tokens of an
 *  answer say the same: whichever is left out follows from the other. */
export function questionOf({
  jobsPerSecond,
  answerTokens,
  ...given
}: Pick<Question, 'streams' | 'rate'> & Partial<Question>): Question {
  const tokensPerSecond = given.streams * given.rate;
  const tokens =
    answerTokens ?? (jobsPerSecond === undefined ? DEFAULTS.answerTokens : tokensPerSecond / jobsPerSecond);
  return { ...DEFAULTS, ...given, answerTokens: tokens, jobsPerSecond: jobsPerSecond ?? tokensPerSecond / tokens };
}

/** The same question for another number of streams: jobs begin in proportion. */
export function scaledTo(question: Question, streams: number): Question {
  return { ...question, streams, jobsPerSecond: (question.jobsPerSecond * streams) / question.streams };
}
