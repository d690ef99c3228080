import { createContext, Script } from 'node:vm';
import type { PipelineInfo } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { Inject, Injectable } from '@nestjs/common';
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { pointerOf } from '../../http/field-errors.ts';
import type { FieldError } from '../../http/problem.ts';
import { LOGGER } from '../../tokens.ts';

/** A longer schema is not compiled, characters of JSON. */
const MAX_SCHEMA_CHARS = 262_144;
/** Compiled schemas that this node keeps, two for each agent. */
const MAX_COMPILED = 200;
/** The longest that a schema may take: to compile, and to check one input, milliseconds of this thread's CPU. Patterns,
 *  `uniqueItems` and nested alternatives can take exponential time. */
const COMPILE_MS = 1_000;
const CHECK_MS = 250;
/** How often a task is run again that was interrupted before it had its CPU time: the machine was busy with others. */
const MAX_STARVED_RUNS = 20;
/** How long a schema that took too long is not used, milliseconds: it costs this node one check a minute. */
const UNUSED_FOR_MS = 60_000;

/** Formats are left to the agent: their patterns are many, and some are slow. */
const OPTIONS: Options = { allErrors: true, strict: false, validateFormats: false, logger: false };

type Agent = Pick<PipelineInfo, 'name' | 'inputSchema' | 'configSchema'>;
/** A field of the request that an agent announces a schema for. */
type Field = 'input' | 'config';
type Schema = NonNullable<PipelineInfo['inputSchema']>;

interface Announced {
  readonly pipeline: string;
  readonly field: Field;
  readonly schema: Schema;
  readonly json: string;
}

interface CompiledSchema {
  /** as it was announced last */
  schema: Schema;
  readonly json: string;
  /** null: it cannot be used */
  readonly validate: ValidateFunction | null;
  /** until when it is not used, ms of performance.now() */
  unusedUntil: number;
}

/** Checks input and configuration for agents against the schemas that they announce. A schema that cannot be used is logged
 *  once, and then nothing is checked: the agent has the last word. */
@Injectable()
export class InputCheck {
  /** by field and name of the agent, the one used last at the end */
  readonly #compiled = new Map<string, CompiledSchema>();

  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  /** What is wrong with a value of the field `input`. No error quotes it. */
  ofInput(agent: Agent, input: object): FieldError[] {
    return this.#faultsOf(agent, 'input', input);
  }

  /** What is wrong with a value of the field `config`; one that was left out is empty. No error quotes it. */
  ofConfig(agent: Agent, config: object = {}): FieldError[] {
    return this.#faultsOf(agent, 'config', config);
  }

  /** What is wrong with sending messages alone: the agent may take none, or need more. The messages themselves are not
   *  checked, because the agent gets them in LangChain's form. */
  ofMessages(agent: Agent, field: 'query' | 'messages'): FieldError[] {
    const { properties } = agent.inputSchema ?? {};
    if (isObject(properties) && Object.keys(properties).length > 0 && !('messages' in properties)) {
      return [{ pointer: pointerOf([field]), detail: 'is not what this agent takes: give its "input"' }];
    }
    return this.#errorsOf(agent, 'input', { messages: [] }).flatMap(({ keyword, instancePath, params }) =>
      keyword === 'required' && instancePath === ''
        ? { pointer: pointerOf(['input', params['missingProperty']]), detail: 'is required: give it as "input"' }
        : [],
    );
  }

  #faultsOf(agent: Agent, field: Field, value: object): FieldError[] {
    const errors = this.#errorsOf(agent, field, value);
    return errors.map((error) => ({ pointer: `/${field}${placeOf(error)}`, detail: detailOf(error) }));
  }

  #errorsOf(agent: Agent, field: Field, value: object): readonly ErrorObject[] {
    const schema = agent[`${field}Schema`];
    if (schema === undefined) return [];
    const compiled = this.#compiledOf(agent.name, field, schema);
    const { validate } = compiled;
    if (validate === null || performance.now() < compiled.unusedUntil) return [];
    try {
      within(CHECK_MS, () => validate(value));
    } catch (error) {
      // too long, or too deep for the stack
      compiled.unusedUntil = performance.now() + UNUSED_FOR_MS;
      this.logger.warn({ pipeline: agent.name, field, err: error }, 'field not checked');
      return [];
    }
    const errors = validate.errors ?? [];
    validate.errors = null; // it would keep the value in memory
    return errors;
  }

  #compiledOf(pipeline: string, field: Field, schema: Schema): CompiledSchema {
    const name = `${field} ${pipeline}`;
    const kept = this.#compiled.get(name);
    if (kept?.schema === schema) return kept;
    const json = JSON.stringify(schema);
    const compiled = kept?.json === json ? kept : this.#compile({ pipeline, field, schema, json });
    compiled.schema = schema;
    this.#compiled.delete(name);
    this.#compiled.set(name, compiled);
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size > MAX_COMPILED && oldest !== undefined) this.#compiled.delete(oldest);
    return compiled;
  }

  #compile({ pipeline, field, schema, json }: Announced): CompiledSchema {
    const unusable = { schema, json, validate: null, unusedUntil: 0 };
    if (json.length > MAX_SCHEMA_CHARS) {
      this.logger.warn({ pipeline, field, schemaChars: json.length }, 'schema too long');
      return unusable;
    }
    try {
      return { ...unusable, validate: within(COMPILE_MS, () => compile(schema)) };
    } catch (error) {
      // its message may quote the schema, which is the operator's
      this.logger.warn({ pipeline, field, err: error }, 'schema not usable');
      return unusable;
    }
  }
}

/** An instance for each schema: they may use the same `$id`, and none stays in memory for longer than it is used. */
function compile({ $schema, ...schema }: Schema): ValidateFunction {
  const isOld = typeof $schema === 'string' && /\bdraft-0[4-7]\b/.test($schema);
  return isOld ? new Ajv(OPTIONS).compile(schema) : new Ajv2020(OPTIONS).compile(schema);
}

const context = createContext({ task: null as unknown });
const callTask = new Script('task()');

/** Runs a synchronous task, which ends with an error when its CPU time is up: V8 interrupts even a pattern that
 *  backtracks. V8 counts by the clock, so a task that was interrupted while others had the CPU runs again. */
function within<T>(cpuMs: number, task: () => T): T {
  for (let starvedRuns = 0; ; starvedRuns += 1) {
    const before = process.threadCpuUsage();
    try {
      return interruptible(cpuMs, task);
    } catch (error) {
      const { user, system } = process.threadCpuUsage(before);
      const isStarved = isTimeout(error) && (user + system) / 1_000 < cpuMs / 2;
      if (!isStarved || starvedRuns >= MAX_STARVED_RUNS) throw error;
    }
  }
}

function interruptible<T>(timeoutMs: number, task: () => T): T {
  context['task'] = task;
  try {
    return callTask.runInContext(context, { timeout: timeoutMs }) as T;
  } finally {
    context['task'] = null;
  }
}

function isTimeout(error: unknown): boolean {
  return isObject(error) && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}

function placeOf({ keyword, instancePath, params }: ErrorObject): string {
  const field =
    keyword === 'required' || keyword === 'dependentRequired'
      ? params['missingProperty']
      : (params['additionalProperty'] ?? params['unevaluatedProperty']);
  return `${instancePath}${field === undefined ? '' : pointerOf([field])}`;
}

function detailOf({ keyword, message = 'is not what the agent takes' }: ErrorObject): string {
  switch (keyword) {
    case 'required':
      return 'is required';
    case 'additionalProperties':
    case 'unevaluatedProperties':
    case 'false schema':
      return 'is not a field of this object';
    default:
      return message;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
