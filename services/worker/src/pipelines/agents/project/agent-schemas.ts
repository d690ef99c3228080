import type { PipelineInfo } from '@millrace/contracts';

/** JSON text of a schema that is announced, UTF-16 units: a longer one is left out. */
const MAX_SCHEMA_UNITS = 65_536;

/** LangGraph's registry of what Zod schemas say besides. */
export interface SchemaRegistry {
  getExtendedChannelSchemas(schema: unknown, effects: object): unknown;
}

/** What LangGraph exports to describe graphs. */
export interface Schemas {
  getInputTypeSchema(graph: unknown, registry?: SchemaRegistry): unknown;
  getStateTypeSchema(graph: unknown, registry?: SchemaRegistry): unknown;
  getConfigTypeSchema(graph: unknown): unknown;
}

/** What a graph says of its input and configuration, as JSON Schema of what a caller may send.
 *  @param registry undefined: this version has none */
export function announcedSchemas(
  graph: unknown,
  schemas: Partial<Schemas>,
  registry: SchemaRegistry | undefined,
): Pick<PipelineInfo, 'inputSchema' | 'configSchema'> {
  const inputSchema = schemaBy(() => inputSchemaOf(graph, schemas, registry));
  const configSchema = schemaBy(() => schemas.getConfigTypeSchema?.(graph));
  return { ...(inputSchema && { inputSchema }), ...(configSchema && { configSchema }) };
}

/** LangGraph describes every input as if all of its fields could be left out. That holds where the input is the state itself; a
 *  graph with an input of its own fails without what that requires. */
function inputSchemaOf(graph: unknown, schemas: Partial<Schemas>, registry: SchemaRegistry | undefined): unknown {
  if (registry === undefined) return schemas.getInputTypeSchema?.(graph);
  let state: unknown;
  const noteState: SchemaRegistry = {
    getExtendedChannelSchemas(schema, effects) {
      state = schema;
      return registry.getExtendedChannelSchemas(schema, effects);
    },
  };
  schemas.getStateTypeSchema?.(graph, noteState);
  return schemas.getInputTypeSchema?.(graph, {
    getExtendedChannelSchemas(schema, effects) {
      const isPartial = state === undefined || schema === state;
      return registry.getExtendedChannelSchemas(schema, isPartial ? effects : { ...effects, asPartial: false });
    },
  });
}

/** Keys of JSON Schema whose values are no schemas. */
const VALUES = new Set(['default', 'const', 'enum', 'examples']);

/** Zod describes what comes out of a schema, where a field with a default is always there. A caller may leave it out. */
function withoutDefaultsRequired(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutDefaultsRequired);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { properties, required } = schema as { properties?: Record<string, unknown>; required?: unknown };
  const isNeeded = (name: string) => {
    const field = properties?.[name];
    return typeof field !== 'object' || field === null || !('default' in field);
  };
  const entries = Object.entries(schema).map(([key, value]) => {
    if (key === 'required' && Array.isArray(required)) return [key, required.filter(isNeeded)];
    return [key, VALUES.has(key) ? value : withoutDefaultsRequired(value)];
  });
  return Object.fromEntries(entries);
}

function schemaBy(read: () => unknown): Readonly<Record<string, unknown>> | null {
  try {
    const json = JSON.stringify(read());
    if (json === undefined || json.length > MAX_SCHEMA_UNITS) return null;
    return withoutDefaultsRequired(JSON.parse(json)) as Record<string, unknown>;
  } catch {
    return null; // a type that JSON Schema cannot describe
  }
}
