/** One event of a scenario's job, as it stands on the wire. */
export interface WireEvent {
  readonly id: string;
  /** left out: text */
  readonly event?: string;
  readonly data: object;
}

/** What the server does with one request of a run. Without one it answers as Millrace would. */
export interface Step {
  /** refuses with this status */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly code?: string;
  /** takes the request and closes the connection without an answer */
  readonly lost?: boolean;
  /** sends so many bytes of the body, then ends it, or breaks it off */
  readonly cutAt?: number;
  readonly breaksOff?: boolean;
  /** sends so many events, then nothing more, not even a heartbeat */
  readonly silentAfter?: number;
  /** the line end; default LF */
  readonly lineEnd?: '\n' | '\r\n' | '\r';
  /** bytes at a time; default: all at once */
  readonly pieces?: number;
  /** between two of them, milliseconds; default: none */
  readonly gapMs?: number;
  /** so many events before the cursor come again */
  readonly repeats?: number;
  /** comes before the first event */
  readonly prefix?: string;
}

export interface Scenario {
  readonly name: string;
  /** what a client must do in it */
  readonly rule: string;
  /** whether the client creates the job, resumes it by its id, or watches a thread */
  readonly start: 'create' | 'resume' | 'watch';
  /** the event after which the client begins; left out: without a cursor */
  readonly lastEventId?: string;
  readonly log: readonly WireEvent[];
  readonly steps: readonly Step[];
  /** of a thread: that of its jobs, one after the other */
  readonly text: string;
  /** `over`: nothing comes any more (204); `gone`: the thread that was watched is not there any longer */
  readonly end: 'done' | 'error' | 'cancelled' | 'refused' | 'over' | 'gone';
}

const DONE = {
  event: 'done',
  data: {
    finishReason: 'stop',
    usage: { inputTokens: 1, outputTokens: 2 },
    timings: { queueMs: 1, firstTokenMs: 2, totalMs: 3 },
  },
};
const opening = (attempt: number): WireEvent[] => [
  { id: '0-1', event: 'accepted', data: { id: 'x', status: 'queued' } },
  { id: `${attempt}-1`, event: 'started', data: { attempt, model: 'sim:one' } },
];
const WORDS = ['Blau', 'é ', '🌅\n\n', 'data: x'];
const TEXT = WORDS.join('');
const said = WORDS.map((text, i): WireEvent => ({ id: `1-${i + 2}`, data: { text } }));
const LOG: readonly WireEvent[] = [...opening(1), ...said, { id: '1-9', ...DONE }];
const RESET = (attempt: number, reason: string): WireEvent => ({
  id: attempt === 0 ? '0-0' : `${attempt}-1`,
  event: 'reset',
  data: { attempt, reason },
});

const whole = { start: 'create', log: LOG, text: TEXT, end: 'done' } as const;

/** The bytes of events, from the `retry:` hint on. */
export function bytesOf(events: readonly WireEvent[], { lineEnd = '\n', prefix = '' }: Step = {}): Buffer {
  const frames = events.map(({ id, event, data }) =>
    [`id: ${id}`, ...(event === undefined ? [] : [`event: ${event}`]), `data: ${JSON.stringify(data)}`, '', ''].join(
      '\n',
    ),
  );
  return Buffer.from((prefix + ['retry: 1\n', ...frames].join('')).replaceAll('\n', lineEnd));
}

const cuts = [...bytesOf(LOG).keys()].flatMap((cutAt): Scenario[] => [
  {
    ...whole,
    name: `cut-at-byte-${cutAt}`,
    rule: 'A body that ends without a terminal event is resumed; half an event is discarded.',
    steps: [{ cutAt, breaksOff: cutAt % 2 === 1 }],
  },
]);

/** An event of a job in a thread. */
const of = (job: string, events: readonly WireEvent[]) =>
  events.map((event) => ({ ...event, id: `${job}/${event.id}` }));
const [FIRST, SECOND] = ['conformance-job-1', 'conformance-job-2'] as const;
const inThread = (job: string, text: string): WireEvent[] =>
  of(job, [...opening(1), { id: '1-2', data: { text } }, { id: '1-3', ...DONE }]);
const THREAD: readonly WireEvent[] = [...inThread(FIRST, 'Grün'), ...inThread(SECOND, ' 🌅')];
const watched = { start: 'watch', log: THREAD, text: 'Grün 🌅', end: 'gone' } as const;

const threadCuts = [...bytesOf(THREAD).keys()].map(
  (cutAt): Scenario => ({
    ...watched,
    name: `thread-cut-at-byte-${cutAt}`,
    rule: 'A body is resumed after the last whole event, or where the answer says that the stream begins.',
    steps: [{ cutAt, breaksOff: cutAt % 2 === 1 }],
  }),
);

const THREADS: readonly Scenario[] = [
  { ...watched, name: 'thread', rule: 'A thread is watched, job after job, until it is gone (404).', steps: [] },
  ...threadCuts,
  {
    ...watched,
    name: 'thread-after-an-event',
    rule: 'A thread is watched after an event of one of its jobs.',
    lastEventId: `${FIRST}/1-3`,
    text: ' 🌅',
    steps: [{ cutAt: 30 }],
  },
  {
    ...watched,
    name: 'thread-cut-again-and-again',
    rule: 'Every cut is resumed after the last whole event, also where no event came in between.',
    steps: [0, 9, 150, 0, 200].map((cutAt) => ({ cutAt })),
  },
  {
    ...watched,
    name: 'thread-unavailable-on-return',
    rule: '429, 502 and 503 on the way back are passing; Retry-After is obeyed.',
    steps: [{ cutAt: 200 }, { status: 502 }, { status: 503, headers: { 'retry-after': '1' } }, { status: 429 }],
  },
  {
    ...watched,
    name: 'thread-half-open',
    rule: 'A connection that is silent for longer than its heartbeats is lost.',
    steps: [{ silentAfter: 0 }, { silentAfter: 3 }],
  },
  {
    ...watched,
    name: 'thread-repeated-events',
    rule: 'Events that come again do not double text.',
    steps: [{ cutAt: bytesOf(THREAD.slice(0, 3)).length }, { repeats: 2 }],
  },
  {
    ...watched,
    name: 'thread-reset',
    rule: 'A reset voids what its own job has said, and nothing else.',
    log: [
      ...inThread(FIRST, 'Grün'),
      ...of(SECOND, [
        ...opening(1),
        { id: '1-2', data: { text: 'not this' } },
        RESET(2, 'worker-lost'),
        { id: '2-2', data: { text: ' 🌅' } },
        { id: '2-3', ...DONE },
      ]),
    ],
    steps: [],
  },
  {
    ...watched,
    name: 'thread-log-lost',
    rule: 'A reset of id 0-0 voids everything of the thread; what there is follows.',
    log: [...inThread('conformance-job-0', 'lost'), ...of('conformance-job-0', [RESET(0, 'log-lost')]), ...THREAD],
    steps: [{ cutAt: 200 }],
  },
  {
    ...watched,
    name: 'unknown-thread',
    rule: '404 is final.',
    text: '',
    end: 'refused',
    steps: [{ status: 404, code: 'THREAD_NOT_FOUND' }],
  },
];

const forms: readonly [name: string, rule: string, step: Step][] = [
  ['crlf', 'Lines may end with CRLF.', { lineEnd: '\r\n' }],
  ['cr', 'Lines may end with CR.', { lineEnd: '\r' }],
  ['byte-order-mark', 'A byte order mark at the beginning is ignored.', { prefix: '\ufeff' }],
  ['single-bytes', 'Bytes may arrive one by one, also within a character.', { pieces: 1 }],
  ['single-bytes-crlf', 'CR and LF may arrive apart.', { pieces: 1, lineEnd: '\r\n' }],
  ['slow-proxy', 'Bytes may come slowly, as long as they come.', { pieces: 20, gapMs: 20 }],
  ['heartbeats', 'Comments are ignored.', { prefix: ': hb\n: hb\n' }],
  ['unknown-fields', 'Unknown fields are ignored.', { prefix: 'colour: red\n' }],
  ['unknown-events', 'Unknown events are ignored.', { prefix: 'id: 0-1\nevent: weather\ndata: {"text":"rain"}\n\n' }],
];

/** Every scenario that a client must pass. */
export const SCENARIOS: readonly Scenario[] = [
  { ...whole, name: 'plain', rule: 'The pieces together are the exact answer.', steps: [] },
  { ...whole, name: 'resume-by-id', rule: 'A job is read by its id from the beginning.', start: 'resume', steps: [] },
  ...forms.map(([name, rule, step]): Scenario => ({ ...whole, name, rule, steps: [step] })),
  ...cuts,
  ...THREADS,
  {
    ...whole,
    name: 'after-an-event',
    rule: 'A job is read after an event that a reader remembers.',
    start: 'resume',
    lastEventId: '1-3',
    text: WORDS.slice(2).join(''),
    steps: [{ cutAt: 30 }],
  },
  {
    ...whole,
    name: 'over',
    rule: '204 means that the job has ended, and that nothing comes any more.',
    start: 'resume',
    lastEventId: '1-9',
    text: '',
    end: 'over',
    steps: [],
  },
  {
    ...whole,
    name: 'over-after-an-outage',
    rule: '204 may come after a lost answer.',
    start: 'resume',
    lastEventId: '1-9',
    text: '',
    end: 'over',
    steps: [{ lost: true }, { status: 503 }],
  },
  {
    ...whole,
    name: 'cut-again-and-again',
    rule: 'Every cut is resumed after the last whole event.',
    steps: [180, 0, 200, 40, 220].map((cutAt) => ({ cutAt })),
  },
  {
    ...whole,
    name: 'extra-json-fields',
    rule: 'Unknown fields of an event are ignored.',
    log: LOG.map((event) => ({ ...event, data: { ...event.data, later: [1] } })),
    steps: [],
  },
  {
    ...whole,
    name: 'lost-post',
    rule: 'A POST whose answer is lost is repeated with the same request id and body.',
    steps: [{ lost: true }, { lost: true }],
  },
  {
    ...whole,
    name: 'unavailable-on-return',
    rule: '502, 503 and 504 on the way back are passing; Retry-After is obeyed.',
    steps: [{ cutAt: 200 }, { status: 502 }, { status: 503, headers: { 'retry-after': '1' } }, { status: 504 }],
  },
  {
    ...whole,
    name: 'too-many-streams-on-return',
    rule: '429 on the way back is passing.',
    steps: [{ cutAt: 200 }, { status: 429, headers: { 'retry-after': '1' }, code: 'RATE_LIMITED' }],
  },
  {
    ...whole,
    name: 'half-open',
    rule: 'A connection that is silent for longer than its heartbeats is lost.',
    steps: [{ silentAfter: 3 }],
  },
  {
    ...whole,
    name: 'repeated-events',
    rule: 'Events that come again do not double text.',
    steps: [{ cutAt: 250 }, { repeats: 2 }],
  },
  {
    ...whole,
    name: 'reset',
    rule: 'After a reset the answer begins again.',
    log: [...LOG.slice(0, 4), RESET(2, 'worker-lost'), { id: '2-2', data: { text: 'other' } }, { id: '2-3', ...DONE }],
    text: 'other',
    steps: [],
  },
  {
    ...whole,
    name: 'reset-between-connections',
    rule: 'A reset that comes after a cut voids what came before it.',
    log: [...LOG.slice(0, 4), RESET(2, 'handover'), { id: '2-2', data: { text: 'other' } }, { id: '2-3', ...DONE }],
    text: 'other',
    steps: [{ cutAt: bytesOf(LOG.slice(0, 4)).length }],
  },
  {
    ...whole,
    name: 'log-lost',
    rule: 'A reset of id 0-0 voids everything; what there is follows, with ids that may be lower.',
    log: [RESET(0, 'log-lost'), ...LOG],
    start: 'resume',
    steps: [],
  },
  {
    ...whole,
    name: 'error',
    rule: 'An error event ends the job.',
    log: [
      ...LOG.slice(0, -1),
      { id: '1-9', event: 'error', data: { code: 'TIMEOUT', message: 'no', retryable: true } },
    ],
    end: 'error',
    steps: [],
  },
  {
    ...whole,
    name: 'cancelled',
    rule: 'A cancelled event ends the job.',
    log: [...LOG.slice(0, -1), { id: '1-9', event: 'cancelled', data: { by: 'owner' } }],
    end: 'cancelled',
    steps: [],
  },
  {
    ...whole,
    name: 'log-expired',
    rule: '410 is final.',
    start: 'resume',
    text: '',
    end: 'refused',
    steps: [{ status: 410, code: 'LOG_EXPIRED' }],
  },
  {
    ...whole,
    name: 'unknown-job',
    rule: '404 is final.',
    start: 'resume',
    text: '',
    end: 'refused',
    steps: [{ status: 404, code: 'JOB_NOT_FOUND' }],
  },
  {
    ...whole,
    name: 'bad-request',
    rule: '400 is final.',
    text: '',
    end: 'refused',
    steps: [{ status: 400, code: 'INVALID_REQUEST' }],
  },
];
