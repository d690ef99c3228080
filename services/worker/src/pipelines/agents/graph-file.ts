import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { BUILT_IN_PIPELINE } from '@millrace/contracts';
import { z } from 'zod';
import { AgentLoadError, reasonOf } from './load-error.ts';

/** An agent as a `langgraph.json` names it. */
export interface GraphEntry {
  readonly id: string;
  /** absolute path of the module */
  readonly file: string;
  /** which of the module's exports */
  readonly exported: string;
  readonly description?: string;
  /** names it in errors: file, agent, module, export */
  readonly where: string;
}

/** The file of LangGraph's CLI. */
export interface GraphFile {
  readonly path: string;
  readonly graphs: readonly GraphEntry[];
  /** variables for the agents */
  readonly env: Readonly<Record<string, string>>;
  /** the file of variables that it names and that is not there; null: none is missing */
  readonly missingEnv: string | null;
  /** names of the fields that mean nothing here */
  readonly ignored: readonly string[];
}

const ID = /^[A-Za-z0-9._-]{1,64}$/;
const target = z.string().min(1);
const schema = z.looseObject({
  graphs: z.record(z.string(), z.union([target, z.looseObject({ path: target, description: z.string().optional() })])),
  env: z.union([z.string(), z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))]).optional(),
});

/** Reads a `langgraph.json`. What it names is relative to its own folder.
 *  @param path relative to `directory`
 *  @throws AgentLoadError */
export async function readGraphFile(path: string, directory: string): Promise<GraphFile> {
  const whole = resolve(directory, path);
  const { graphs, env, ...others } = parsed(path, await textOf(path, whole));
  const folder = dirname(whole);
  const entries = Object.entries(graphs).map(([id, entry]) => entryOf(path, folder, id, entry));
  if (entries.length === 0) throw new AgentLoadError(path, 'its "graphs" names none');
  const variables = await envOf(path, folder, env);
  return {
    ...{ path: whole, graphs: entries, env: variables ?? {}, ignored: Object.keys(others) },
    missingEnv: variables === null && typeof env === 'string' ? env : null,
  };
}

async function textOf(path: string, whole: string): Promise<string> {
  try {
    return await readFile(whole, 'utf8');
  } catch (error) {
    throw new AgentLoadError(path, `cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

function parsed(path: string, text: string): z.infer<typeof schema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new AgentLoadError(path, `is not JSON: ${reasonOf(error)}`, { cause: error });
  }
  const outcome = schema.safeParse(json);
  if (outcome.success) return outcome.data;
  const field = outcome.error.issues[0]?.path.join('.') ?? '';
  const expected = field.startsWith('env')
    ? 'the name of a file, or an object of strings'
    : '{"<id>": "./path/to/module.ts:export"}, or an object with "path" and "description" in place of the string';
  throw new AgentLoadError(path, `its "${field === '' ? 'graphs' : field}" must be ${expected}`);
}

function entryOf(
  path: string,
  folder: string,
  id: string,
  entry: string | { path: string; description?: string | undefined },
): GraphEntry {
  const { path: named, description } = typeof entry === 'string' ? { path: entry, description: undefined } : entry;
  // the name of an export has neither dots nor slashes
  const [, module = named, exported = 'default'] = /^(.*?)(?::([^:./\\]+))?$/s.exec(named) ?? [];
  const where = `agent "${id}" of ${path} (${module}, export "${exported}")`;
  if (!ID.test(id)) throw new AgentLoadError(where, 'an id is 1 to 64 characters of A-Z, a-z, 0-9, ".", "_", "-"');
  if (id === BUILT_IN_PIPELINE) throw new AgentLoadError(where, `"${id}" is the built-in pipeline: choose another id`);
  if (/\.py$/.test(module)) throw new AgentLoadError(where, 'is Python: only JavaScript and TypeScript can be served');
  return { id, file: resolve(folder, module), exported, where, ...(description === undefined ? {} : { description }) };
}

/** @returns null: the file that it names does not exist, as in a fresh clone, where `.env` is not under version control */
async function envOf(
  path: string,
  folder: string,
  env: z.infer<typeof schema>['env'],
): Promise<Record<string, string> | null> {
  if (env === undefined) return {};
  if (typeof env !== 'string')
    return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, `${value}`]));
  try {
    return parseEnv(await readFile(resolve(folder, env), 'utf8')) as Record<string, string>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new AgentLoadError(path, `its "env" names ${env}, which cannot be read: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}
