import type { z } from 'zod';
import { allowedValues, isSecretName } from './describe-settings.ts';
import { type SettingProblem, SettingsError } from './settings-error.ts';

/** Reads the settings of one process from its environment, once, at start.
 *  An empty variable counts as unset, as compose files write it (`FOO=${FOO:-}`); surrounding blanks are dropped.
 *  Variables that the schema does not name are ignored.
 *  @param schema an object schema whose keys are the names of environment variables
 *  @returns the parsed settings, frozen to the last level
 *  @throws SettingsError naming every bad variable, what is wrong and what is allowed, never the value of a secret */
export function loadSettings<S extends z.ZodObject>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<z.output<S>> {
  const given = givenVariables(schema, env);
  const parsed = schema.safeParse(given);
  if (parsed.success) return deepFreeze(parsed.data);
  throw new SettingsError(problemsOf(schema, given, parsed.error.issues));
}

function givenVariables(
  schema: z.ZodObject,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const given: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = env[name]?.trim();
    if (value !== undefined && value !== '') given[name] = value;
  }
  return given;
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
