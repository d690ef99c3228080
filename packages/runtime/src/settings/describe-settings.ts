import { z } from 'zod';

/** One row of a settings table. */
export interface SettingRow {
  readonly name: string;
  /** `integer, 1 … 65535`, `one of: debug, info`, `text` */
  readonly type: string;
  /** as one would write it in the environment; null where the variable is required, '' where it may be left out */
  readonly default: string | null;
  readonly description: string;
}

interface FieldSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly description?: string;
}

const SECRET_NAME = /KEY|SECRET|TOKEN|PASSWORD|URL|CHECKPOINTS$|ARCHIVE$|HEADERS$/;

/** Whether a variable's value must never be shown: keys, secrets, tokens, passwords, and URLs and headers, which may carry one, as
 *  those of the database of checkpoints and of the archive do. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** Whether `<NAME>_FILE` may name a file with the value: of a secret, or of a value that is too long for a variable. */
export function mayBeInFile(name: string): boolean {
  return isSecretName(name) || name.endsWith('_PRICES');
}

/** The rows of the settings table, in the order of the schema. */
export function describeSettings(schema: z.ZodObject): SettingRow[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const json = fieldSchema(field);
    const optional = field.safeParse(undefined).success;
    return {
      name,
      type: typeOf(json),
      default: json.default !== undefined ? envText(json.default) : optional ? '' : null,
      description: json.description ?? '',
    };
  });
}

/** What a variable may be, for an error: type and bounds, meaning, default. */
export function allowedValues(field: z.core.$ZodType): string {
  const json = fieldSchema(field);
  const parts = [`allowed: ${typeOf(json)}`];
  if (json.description !== undefined) parts.push(json.description);
  if (json.default !== undefined) parts.push(`default: ${envText(json.default)}`);
  return parts.join('; ');
}

function fieldSchema(field: z.core.$ZodType): FieldSchema {
  const output = z.toJSONSchema(field, { io: 'output', unrepresentable: 'any' }) as FieldSchema;
  if (output.type === 'integer' || output.type === 'number' || output.type === 'boolean') return output;
  // a variable is written as text: where it is parsed into something richer, describe the text
  const input = z.toJSONSchema(field, { io: 'input', unrepresentable: 'any' }) as FieldSchema;
  return { ...output, ...input };
}

function typeOf(json: FieldSchema): string {
  if (json.enum !== undefined) return `one of: ${json.enum.join(', ')}`;
  switch (json.type) {
    case 'boolean':
      return 'true or false';
    case 'integer':
    case 'number':
      return `${json.type}${boundsOf(json)}`;
    default:
      return json.pattern !== undefined && json.format === undefined ? `text matching ${json.pattern}` : 'text';
  }
}

function boundsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: FieldSchema): string {
  // zod bounds every integer by what a double can hold; that says nothing to a reader
  const lower = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const upper = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (exclusiveMinimum !== undefined)
    return `, above ${exclusiveMinimum}${upper === undefined ? '' : `, at most ${upper}`}`;
  if (exclusiveMaximum !== undefined) return `, below ${exclusiveMaximum}`;
  if (lower !== undefined && upper !== undefined) return `, ${lower} … ${upper}`;
  if (lower !== undefined) return `, at least ${lower}`;
  return upper === undefined ? '' : `, at most ${upper}`;
}

function envText(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : typeof value === 'object' ? JSON.stringify(value) : String(value);
}
