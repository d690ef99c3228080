import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import type { PipelineInfo } from '@millrace/contracts';
import type { GraphEntry } from '../graph-file.ts';
import { AgentLoadError, reasonOf } from '../load-error.ts';
import { announcedSchemas, type SchemaRegistry, type Schemas } from './agent-schemas.ts';
import { type CompiledGraph, type GraphFactory, graphIn } from './graph.ts';
import type { LoadedModule, Projects } from './project.ts';

type Serializer = BaseCheckpointSaver['serde'];

/** A loaded agent. */
export interface Agent {
  readonly id: string;
  readonly info: Omit<PipelineInfo, 'name' | 'kind'>;
  /** null: `make` gives every job its own */
  readonly graph: CompiledGraph | null;
  readonly make: GraphFactory | null;
  /** Reads and writes state with the classes of the agent's own copy of LangChain.
   *  @param graph of this agent
   *  @returns null where that copy cannot be found */
  serializerFor(graph: CompiledGraph): Promise<Serializer | null>;
}

/** Loads the module of an agent.
 *  @throws AgentLoadError naming file, export and reason */
export async function loadAgent(projects: Projects, entry: GraphEntry): Promise<Agent> {
  const { id, exported, description } = entry;
  const module = await imported(projects, entry);
  const value = exportOf(module, entry);
  const graph = await graphOf(value, entry);
  const make = graph === null && typeof value === 'function' ? (value as GraphFactory) : null;
  if (graph === null && make === null) {
    const expected =
      'a graph, a compiled graph, a promise of one, a function that makes one, or what createAgent returns';
    throw new AgentLoadError(entry.where, `"${exported}" is ${nameOf(value)}, not ${expected}`);
  }
  let serializer: Promise<Serializer | null> | undefined;
  return {
    ...{ id, graph, make },
    info: {
      ...(description === undefined ? {} : { description }),
      ...(graph === null ? {} : await schemasOf(module, graph)),
    },
    serializerFor: (ofJob) => {
      serializer ??= serializerOf(module, ofJob);
      return serializer;
    },
  };
}

async function imported(projects: Projects, { file, where }: GraphEntry): Promise<LoadedModule> {
  try {
    return await projects.load(file);
  } catch (error) {
    throw new AgentLoadError(where, `cannot be loaded: ${reasonOf(error)}`, { cause: error });
  }
}

/** A CommonJS module has its exports under `default` too. */
function exportOf({ exports }: LoadedModule, { exported, where }: GraphEntry): unknown {
  const inner = exports['default'];
  const value =
    exported in exports
      ? exports[exported]
      : typeof inner === 'object' && inner !== null
        ? Reflect.get(inner, exported)
        : undefined;
  // the default export of a CommonJS module that was written as an ES module
  const isWrapped = exported === 'default' && typeof value === 'object' && value !== null && '__esModule' in value;
  const found: unknown = isWrapped ? Reflect.get(value, 'default') : value;
  if (found !== undefined) return found;
  const names = Object.keys(exports).filter((name) => name !== 'module.exports');
  throw new AgentLoadError(where, `has no such export (it has: ${names.join(', ') || 'none'})`);
}

async function graphOf(value: unknown, { where }: GraphEntry): Promise<CompiledGraph | null> {
  try {
    return await graphIn(value);
  } catch (error) {
    throw new AgentLoadError(where, `the graph cannot be made: ${reasonOf(error)}`, { cause: error });
  }
}

function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : `a ${typeof value}`;
  return `an object of ${Object.getPrototypeOf(value)?.constructor?.name ?? 'no class'}`;
}

interface LangGraph {
  readonly CompiledStateGraph: unknown;
  readonly MemorySaver: new () => { readonly serde: Serializer };
}

/** The module's copy of LangGraph: the one that has made the graph. */
function langGraphOf(module: LoadedModule, graph: CompiledGraph): Promise<Partial<LangGraph> | null> {
  // a graph of LangGraph's functional API has no builder, and no class that the package exports
  const type = 'builder' in graph ? 'CompiledStateGraph' : null;
  return module.library<LangGraph>('@langchain/langgraph', (found) => {
    if (typeof found.MemorySaver !== 'function') return false;
    const Class = type === null ? null : found[type];
    return typeof Class === 'function' ? graph instanceof Class : type === null;
  });
}

async function serializerOf(module: LoadedModule, graph: CompiledGraph): Promise<Serializer | null> {
  const library = await langGraphOf(module, graph);
  return library?.MemorySaver === undefined ? null : new library.MemorySaver().serde;
}

/** What the graph says at run time of its input and configuration; of a state that only TypeScript knows, nothing. */
async function schemasOf(
  module: LoadedModule,
  graph: CompiledGraph,
): Promise<Pick<PipelineInfo, 'inputSchema' | 'configSchema'>> {
  if ((await langGraphOf(module, graph)) === null) return {};
  const schemas = await module.library<Schemas>(
    '@langchain/langgraph/zod/schema',
    (found) => 'getInputTypeSchema' in found,
  );
  const registries = await module.library<{ readonly schemaMetaRegistry: SchemaRegistry }>(
    '@langchain/langgraph/zod',
    (found) => typeof found.schemaMetaRegistry?.getExtendedChannelSchemas === 'function',
  );
  return schemas === null ? {} : announcedSchemas(graph, schemas, registries?.schemaMetaRegistry);
}
