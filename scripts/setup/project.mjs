import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of this clone, an absolute path. */
export const projectRoot = path.resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** Where everything that a run leaves behind lives: Redis data, logs, the lock. Ignored by git.
 *  `MILLRACE_STATE_DIR` puts it elsewhere: a second instance of the same clone needs one of its own. */
export const stateDirectory = path.resolve(projectRoot, process.env['MILLRACE_STATE_DIR'] || '.millrace');

/**
 * A path inside the project.
 * @param {...string} parts
 */
export const inProject = (...parts) => path.join(projectRoot, ...parts);
