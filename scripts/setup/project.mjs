import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of this clone, or of the installed package `millrace`, which carries these scripts; an absolute path. */
export const projectRoot = path.resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** Whether this is a clone, which installs and builds itself. */
export const isClone = existsSync(path.join(projectRoot, 'turbo.json'));

/** Where everything that a run leaves behind lives: Redis data, logs, the lock. Ignored by git.
 *  `MILLRACE_STATE_DIR` puts it elsewhere: a second instance of the same clone needs one of its own. */
export const stateDirectory = path.resolve(projectRoot, process.env['MILLRACE_STATE_DIR'] || '.millrace');

/**
 * A file of a service's or a package's build, wherever npm has installed it.
 * @param {string} name of the package
 * @param {string} file
 */
export const builtFile = (name, file) => fileURLToPath(new URL(file, import.meta.resolve(name)));

/**
 * A path inside the project.
 * @param {...string} parts
 */
export const inProject = (...parts) => path.join(projectRoot, ...parts);
