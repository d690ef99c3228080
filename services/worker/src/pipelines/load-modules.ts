import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Pipeline } from './definition/pipeline.ts';

/** A module of `MILLRACE_PIPELINES` cannot be used; the worker does not start. */
export class PipelineModuleError extends Error {
  override readonly name = 'PipelineModuleError';
  constructor(
    readonly module: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`pipeline module ${module}: ${problem}`, options);
  }
}

/** Loads custom pipelines. Each module's default export is a pipeline or a list of pipelines.
 *  @param modules paths (starting with `.` or `/`) or package names
 *  @param directory what relative paths are relative to
 *  @throws PipelineModuleError naming the module and what is wrong with it */
export async function loadPipelineModules(modules: readonly string[], directory: string): Promise<Pipeline[]> {
  const pipelines: Pipeline[] = [];
  // in sequence: of several bad modules, always the first is reported
  for (const module of modules) pipelines.push(...(await loadModule(module, directory)));
  return pipelines;
}

async function loadModule(module: string, directory: string): Promise<Pipeline[]> {
  const { default: exported } = await importModule(module, directory);
  if (exported === undefined) throw new PipelineModuleError(module, 'has no default export');
  const pipelines: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  if (pipelines.length === 0) throw new PipelineModuleError(module, 'exports an empty list');
  return pipelines.map((pipeline) => checked(module, pipeline));
}

async function importModule(module: string, directory: string): Promise<{ default?: unknown }> {
  const specifier = /^[./]/.test(module) ? pathToFileURL(resolve(directory, module)).href : module;
  try {
    return (await import(specifier)) as { default?: unknown };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PipelineModuleError(module, `cannot be loaded: ${reason}`, { cause: error });
  }
}

function checked(module: string, pipeline: unknown): Pipeline {
  if (typeof pipeline !== 'object' || pipeline === null) {
    throw new PipelineModuleError(module, 'its default export must be definePipeline({ … }) or a list of these');
  }
  const { name, run } = pipeline as Partial<Pipeline>;
  if (typeof name !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
    throw new PipelineModuleError(
      module,
      'a pipeline’s name must be 1 to 64 characters of A-Z, a-z, 0-9, ".", "_", "-"',
    );
  }
  if (typeof run !== 'function') throw new PipelineModuleError(module, `pipeline "${name}" has no function run()`);
  return pipeline as Pipeline;
}
