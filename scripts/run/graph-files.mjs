import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseEnv } from 'node:util';

/**
 * The files of MILLRACE_GRAPHS as absolute paths, comma-separated: npm runs this project's scripts in its own folder, but a person
 * means the folder in which they have typed.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} folder this project's
 */
export function graphFiles({ MILLRACE_GRAPHS: names = '', INIT_CWD: typedIn }, folder) {
  const files = names.split(',').map((name) => name.trim());
  return files
    .filter((name) => name !== '')
    .map((name) => {
      const there = path.resolve(typedIn ?? folder, name);
      return existsSync(there) ? there : path.resolve(folder, name);
    });
}

/**
 * The variables that these files give to their agents. What cannot be read gives none: the worker says why.
 * @param {readonly string[]} files
 */
export async function graphVariables(files) {
  /** @type {Record<string, string>} */
  const variables = {};
  for (const file of files) {
    for (const [name, value] of Object.entries(await variablesOf(file))) variables[name] ??= `${value}`;
  }
  return variables;
}

/**
 * @param {string} file
 * @returns {Promise<Record<string, unknown>>}
 */
async function variablesOf(file) {
  try {
    const { env = {} } = JSON.parse(await readFile(file, 'utf8'));
    return typeof env === 'string'
      ? { ...parseEnv(await readFile(path.resolve(path.dirname(file), env), 'utf8')) }
      : env;
  } catch {
    return {};
  }
}
