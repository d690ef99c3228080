/** The part of JSON Schema that the demonstration model understands. */
export interface DemoSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly properties?: Readonly<Record<string, DemoSchema>>;
  readonly items?: DemoSchema;
  readonly anyOf?: readonly DemoSchema[];
}

const DEEPEST = 8;

/** A value that fits a schema, from the words of a question where they look right. */
export function demoValue(schema: DemoSchema, question: string, name = '', depth = 0): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum.find((value) => question.includes(String(value))) ?? schema.enum[0];
  const [first] = (schema.anyOf ?? []).filter(({ type }) => type !== 'null');
  if (first !== undefined) return demoValue(first, question, name, depth + 1);
  const type = [schema.type ?? 'string'].flat().find((each) => each !== 'null');
  if (type === 'object') return demoObject(schema, question, depth);
  if (type === 'array') {
    return schema.items === undefined || depth > DEEPEST ? [] : [demoValue(schema.items, question, name, depth + 1)];
  }
  if (type === 'boolean') return true;
  if (type === 'number' || type === 'integer') return demoNumber(schema, question);
  return wordsFor(name, question);
}

function demoObject({ properties = {} }: DemoSchema, question: string, depth: number): object {
  if (depth > DEEPEST) return {};
  const fields = Object.entries(properties);
  return Object.fromEntries(fields.map(([name, schema]) => [name, demoValue(schema, question, name, depth + 1)]));
}

function demoNumber({ minimum = 1 }: DemoSchema, question: string): number {
  return Math.max(Number(/\d+/.exec(question)?.[0] ?? minimum), minimum);
}

/** An id for `orderId`, a name for `city`, what follows a colon, or the whole question. */
function wordsFor(name: string, question: string): string {
  const id = /\b[A-Z]+-?\d+\b/.exec(question)?.[0];
  if (id !== undefined && /id$|code|number|order/i.test(name)) return id;
  const phone = /\+\d[\d ]+\d/.exec(question)?.[0];
  if (phone !== undefined && /phone/i.test(name)) return phone;
  const named = question.match(/\p{Lu}\p{Ll}+( \p{Lu}\p{Ll}+)*/gu) ?? [];
  if (/city|place|country|location/i.test(name)) return named.at(-1) ?? question;
  if (/name/i.test(name)) return named[0] ?? question;
  return /: *(.+)$/s.exec(question)?.[1] ?? question;
}
