import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { allowedValues, isSecretName, mayBeInFile } from './describe-settings.ts';
import { type SettingProblem, SettingsError } from './settings-error.ts';

/** Reads the settings of one process from its environment, once, at start.
 *  An empty variable counts as unset, as compose files write it (`FOO=${FOO:-}`); surrounding blanks are dropped.
 *  A secret, or a price list, may stand in a file instead, as container platforms mount it: `<NAME>_FILE` names the file.
 *  Variables that the schema does not name are ignored.
 *  @param schema an object schema whose keys are the names of environment variables
 *  @returns the parsed settings, frozen to the last level
 *  @throws SettingsError naming every bad variable, what is wrong and what is allowed, never the value of a secret */
export function loadSettings<S extends z.ZodObject>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<z.output<S>> {
  const { given, problems } = givenVariables(schema, env);
  const parsed = schema.safeParse(given);
  if (parsed.success && problems.length === 0) return deepFreeze(parsed.data);
  const inFiles = new Set(problems.map(({ name }) => name.slice(0, -FILE_SUFFIX.length)));
  const others = problemsOf(schema, given, parsed.error?.issues ?? []).filter(({ name }) => !inFiles.has(name));
  throw new SettingsError([...problems, ...others]);
}

const FILE_SUFFIX = '_FILE';

interface GivenVariables {
  readonly given: Record<string, string>;
  /** of files that hold secrets */
  readonly problems: readonly SettingProblem[];
}

function givenVariables(schema: z.ZodObject, env: Readonly<Record<string, string | undefined>>): GivenVariables {
  const given: Record<string, string> = {};
  const problems: SettingProblem[] = [];
  const textOf = (name: string) => env[name]?.trim() || undefined;
  for (const name of Object.keys(schema.shape)) {
    let value = textOf(name);
    const file = mayBeInFile(name) ? textOf(`${name}${FILE_SUFFIX}`) : undefined;
    if (file !== undefined) {
      const content = value === undefined ? contentOf(file) : new Error(`must not be set beside ${name}`);
      if (content instanceof Error) problems.push(fileProblem(name, content.message));
      else value = content;
    }
    if (value !== undefined) given[name] = value;
  }
  return { given, problems };
}

/** The secret in a file, without the blanks and line ends around it. */
function contentOf(file: string): string | Error {
  try {
    const content = readFileSync(file, 'utf8').trim();
    return content === '' ? new Error(`${file} is empty`) : content;
  } catch (error) {
    return new Error(`cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`);
  }
}

function fileProblem(name: string, problem: string): SettingProblem {
  return { name: `${name}${FILE_SUFFIX}`, problem, allowed: `a file that holds ${name}` };
}

function problemsOf(
  schema: z.ZodObject,
  given: Record<string, string>,
  issues: readonly z.core.$ZodIssue[],
): SettingProblem[] {
  const problems = new Map<string, SettingProblem>();
  for (const issue of issues) {
    const name = String(issue.path[0] ?? 'settings');
    if (problems.has(name)) continue; // the first complaint about a variable is the one to mend first
    const field = schema.shape[name];
    problems.set(name, {
      name,
      problem: describeProblem(name, given[name], issue),
      allowed: field === undefined ? '' : allowedValues(field),
    });
  }
  return [...problems.values()];
}

function describeProblem(name: string, value: string | undefined, { code, message }: z.core.$ZodIssue): string {
  // a rule over several variables knows why this one is needed
  if (value === undefined) return code === 'custom' ? message : 'is required';
  // a refinement may quote what it was given
  if (isSecretName(name)) return `${message.replaceAll(value, '[redacted]')} (value not shown)`;
  return `${message} (got ${JSON.stringify(value)})`;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
