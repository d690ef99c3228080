import type { Logger } from '@millrace/runtime';
import type { Pipeline } from '../definition/pipeline.ts';
import { type AgentSavers, agentPipeline } from './agent-pipeline.ts';
import { type GraphFile, readGraphFile } from './graph-file.ts';
import { AgentLoadError } from './load-error.ts';
import { loadAgent } from './project/agent.ts';
import { Projects } from './project/project.ts';

export interface AgentOptions {
  /** paths of `langgraph.json` files */
  readonly files: readonly string[];
  /** what relative paths are relative to */
  readonly directory: string;
  readonly savers: AgentSavers;
  readonly logger: Logger;
  /** where the agents' variables are added that are not set */
  readonly env: NodeJS.ProcessEnv;
}

/** Loads the agents of `langgraph.json` files.
 *  @throws AgentLoadError naming file, export and reason */
export async function agentPipelines({ files, directory, savers, logger, env }: AgentOptions): Promise<Pipeline[]> {
  const read: GraphFile[] = [];
  for (const path of files) read.push(await readGraphFile(path, directory));
  for (const file of read) addVariables(file, env);
  const entries = read.flatMap(({ graphs }) => graphs);
  const projects = new Projects();
  const pipelines = new Map<string, Pipeline>();
  // in sequence: of several bad agents, always the first is reported
  for (const entry of entries) {
    if (pipelines.has(entry.id)) throw new AgentLoadError(entry.where, 'another agent has this id: rename one of them');
    pipelines.set(entry.id, agentPipeline(await loadAgent(projects, entry), savers));
  }
  for (const { path, ignored, missingEnv } of read) {
    if (missingEnv !== null) logger.warn({ file: path, env: missingEnv }, 'the file of variables does not exist');
    if (ignored.length > 0) logger.info({ file: path, fields: ignored }, 'fields without meaning here');
  }
  return [...pipelines.values()];
}

/** Adds the variables that the files give to their agents, except those that are set.
 *  @throws AgentLoadError */
export async function addAgentVariables(
  files: readonly string[],
  directory: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  for (const path of files) addVariables(await readGraphFile(path, directory), env);
}

function addVariables({ env: variables }: GraphFile, env: NodeJS.ProcessEnv): void {
  for (const [name, value] of Object.entries(variables)) env[name] ??= value;
}
