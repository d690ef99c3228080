import { Agent, type Dispatcher, EnvHttpProxyAgent, setGlobalDispatcher } from 'undici';

/** How long an answer may take is the attempt's to say: undici's own five minutes would undercut its clocks. */
const NO_CLOCKS = { headersTimeout: 0, bodyTimeout: 0 };

let connections: Dispatcher | undefined;

/** The connections of this process to its models: one pool, kept alive between answers. They go through the proxies of
 *  `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` where Node's own `fetch` would: with `NODE_USE_ENV_PROXY=1` or `--use-env-proxy`. */
export function modelConnections(): Dispatcher {
  connections ??= usesProxies() ? new EnvHttpProxyAgent(NO_CLOCKS) : new Agent(NO_CLOCKS);
  return connections;
}

/** Gives Node's `fetch` the same connections, for the packages of other providers: it would give up on a silent model after
 *  five minutes, whatever the settings say. */
export function useModelConnectionsForFetch(): void {
  setGlobalDispatcher(modelConnections());
}

/** Node's own switch, which is no setting of ours. */
function usesProxies(): boolean {
  const { env, execArgv } = process;
  const options = [...execArgv, ...(env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  return env['NODE_USE_ENV_PROXY'] === '1' || options.includes('--use-env-proxy');
}
