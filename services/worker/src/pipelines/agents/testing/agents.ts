import type { Savers } from '@millrace/threads';
import type { Pipeline } from '../../definition/pipeline.ts';
import { agentPipeline } from '../agent-pipeline.ts';
import type { CompiledGraph } from '../project/graph.ts';
import * as graphs from './steps.mjs';

const SAVERS = Symbol.for('millrace.test.savers');

/** Says where the agents of this module keep their state. */
export function keepIn(savers: Savers): void {
  Reflect.set(globalThis, SAVERS, savers);
}

const savers: Pick<Savers, 'forAttempt' | 'storeOf'> = {
  forAttempt: (lease, log) => (Reflect.get(globalThis, SAVERS) as Savers).forAttempt(lease, log),
  storeOf: (tenant) => (Reflect.get(globalThis, SAVERS) as Savers).storeOf(tenant),
};

/** Agents as a module of pipelines: Jest allows no hooks of Node's module loader, which `langgraph.json` needs. */
const agents: Pipeline[] = Object.entries(graphs).map(([id, graph]) => {
  const compiled = graph as unknown as CompiledGraph;
  return agentPipeline({ id, info: {}, graph: compiled, make: null, serializerFor: async () => null }, savers);
});
export default agents;
