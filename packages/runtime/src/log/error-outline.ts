import { ReplyError } from 'ioredis';
import { framesOf } from './stack-frames.ts';

/** A class of errors whose messages quote nobody: no prompt, no answer, no secret. */
export type PlainErrorClass = abstract new (...args: never[]) => Error;

/** What of an error may stand in a log. */
export interface ErrorOutline {
  /** the name of its class; of a thrown value that is no error, its type */
  readonly type: string;
  readonly code?: string | number;
  /** of Redis's errors and those of the classes given */
  readonly message?: string;
  /** where it was thrown */
  readonly at?: readonly string[];
  readonly cause?: ErrorOutline;
  /** the first ones of an AggregateError */
  readonly errors?: readonly ErrorOutline[];
}

const MAX_MESSAGE_LENGTH = 300;
const MAX_DEPTH = 4;
const MAX_ERRORS = 4;

/** `ECONNRESET`, `ERR_INVALID_URL`, `UND_ERR_SOCKET`, `JOB_CLOSED`; no word of a sentence. */
const SYSTEM_CODE = /^(?:E[A-Z\d]{2,}|[A-Z][A-Z\d]*(?:_[A-Z\d]+)+)$/;
const MAX_CODE_LENGTH = 48;

/** When Redis does not know a command, it quotes what stood behind it: a token, or its own password. */
const REDIS_QUOTES_AFTER = ', with args beginning with';

/** Reduces an error of any origin to what helps to find the fault and quotes nobody.
 *
 *  Whoever threw it may have put a prompt, an answer or a key into its message, name, code or cause. So the message is
 *  taken from known classes only, the type from the class, the code where it looks like a system's, and the places from
 *  behind the message.
 *  @param plain classes whose messages may be logged, beside Redis's */
export function outlineOf(error: unknown, plain: readonly PlainErrorClass[] = []): ErrorOutline {
  return outline(error, plain, 1);
}

/** The first line of what Redis said, without what it quotes. */
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
    // a getter of somebody else's error threw
    return { type: 'unreadable' };
  }
}

/** An error's `name` is a field that anybody sets: it counts where it is the class's, or looks like that of Node's. */
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
