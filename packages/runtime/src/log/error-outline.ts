import { ReplyError } from 'ioredis';
import { framesOf } from './stack-frames.ts';

/** An error class whose messages contain no prompt, answer or secret. */
export type PlainErrorClass = abstract new (...args: never[]) => Error;

/** The parts of an error that are safe to log. */
export interface ErrorOutline {
  /** the name of its class, or the type of a thrown value that is not an error */
  readonly type: string;
  readonly code?: string | number;
  /** only for Redis's errors and the given classes */
  readonly message?: string;
  /** stack frames */
  readonly at?: readonly string[];
  readonly cause?: ErrorOutline;
  /** the first errors of an AggregateError */
  readonly errors?: readonly ErrorOutline[];
}

const MAX_MESSAGE_LENGTH = 300;
const MAX_DEPTH = 4;
const MAX_ERRORS = 4;

/** Matches `ECONNRESET`, `ERR_INVALID_URL`, `UND_ERR_SOCKET`, `JOB_CLOSED` and PostgreSQL's `28P01`, but no word of a sentence. */
const SYSTEM_CODE = /^(?:E[A-Z\d]{2,}|[A-Z][A-Z\d]*(?:_[A-Z\d]+)+|(?=[A-Z]*\d)[A-Z\d]{5})$/;
const MAX_CODE_LENGTH = 48;

/** For an unknown command Redis quotes its arguments: a token, or its own password. */
const REDIS_QUOTES_AFTER = ', with args beginning with';

/** Reduces an error of any origin to the parts that help to find the fault and are safe to log.
 *
 *  Its message, name, code or cause may contain a prompt, an answer or a key. So the message comes only from known classes,
 *  the type from the class, the code only in the form of a system's, and the frames from after the message.
 *  @param plain classes whose messages may be logged, in addition to Redis's */
export function outlineOf(error: unknown, plain: readonly PlainErrorClass[] = []): ErrorOutline {
  return outline(error, plain, 1);
}

/** A message of Redis without the arguments that it quotes. */
export function redisMessage(message: string): string {
  return bounded(message.split(REDIS_QUOTES_AFTER, 1)[0] ?? '');
}

function outline(error: unknown, plain: readonly PlainErrorClass[], depth: number): ErrorOutline {
  try {
    if (!(error instanceof Error)) return { type: error === null ? 'null' : typeof error };
    const inner = (cause: unknown) => outline(cause, plain, depth + 1);
    const deeper = depth < MAX_DEPTH;
    const { name, message, stack, cause } = error;
    return {
      type: typeOf(error),
      ...codeOf(error),
      ...messageOf(error, plain),
      at: framesOf(String(stack), { name: String(name), message: String(message) }),
      ...(cause !== undefined && deeper ? { cause: inner(cause) } : {}),
      ...(error instanceof AggregateError && deeper ? { errors: error.errors.slice(0, MAX_ERRORS).map(inner) } : {}),
    };
  } catch {
    // a getter of a foreign error threw
    return { type: 'unreadable' };
  }
}

/** Any code can set an error's `name`: it counts only if it equals the class name or has the form of Node's names. */
function typeOf(error: Error): string {
  const className: unknown = error.constructor.name;
  if (error.name === className || !/^[A-Z][A-Za-z]{2,30}Error$/.test(error.name)) return String(className);
  return error.name;
}

function codeOf(error: Error): Pick<ErrorOutline, 'code'> {
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'number') return { code };
  const known = typeof code === 'string' && code.length <= MAX_CODE_LENGTH && SYSTEM_CODE.test(code);
  return known ? { code } : {};
}

function messageOf(error: Error, plain: readonly PlainErrorClass[]): Pick<ErrorOutline, 'message'> {
  if (error instanceof ReplyError) return { message: redisMessage(error.message) };
  return plain.some((known) => error instanceof known) ? { message: bounded(error.message) } : {};
}

function bounded(text: string): string {
  return text.length <= MAX_MESSAGE_LENGTH ? text : `${text.slice(0, MAX_MESSAGE_LENGTH)}…`;
}
