import { projectEnvironment } from '../setup/pinned-node.mjs';

/** What a program of the system needs, the Docker client included; none of it holds a secret. */
const ordinary =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TERM|LANG|LC_\w+|TZ|TMPDIR|NODE_\w+|LD_\w+|DYLD_\w+|DOCKER_\w+|XDG_\w+|SSH_AUTH_SOCK)$/;

/** Keys and the like, as `DATABASE_PASSWORD` or `HF_TOKEN`. */
const secret = /KEY|SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL/;

/** For Redis and the simulated model: nothing that is set for Millrace or for a model reaches them. */
export const bareEnvironment = () => only((name) => ordinary.test(name) && !secret.test(name));

/** For the API: its own keys, and no others. It asks no model. */
export const apiEnvironment = () =>
  only((name) => name.startsWith('MILLRACE_') || !(secret.test(name) || name.startsWith('OPENAI_')));

/** For the worker: whatever its models and pipelines may need, but not the keys of the API's callers. */
export const workerEnvironment = () => only((name) => name !== 'MILLRACE_API_KEYS');

/** @param {(name: string) => boolean} passes */
function only(passes) {
  return Object.fromEntries(Object.entries(projectEnvironment()).filter(([name]) => passes(name)));
}
