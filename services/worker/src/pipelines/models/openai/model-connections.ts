import { sendWithinCall } from '@millrace/telemetry';
import { Agent, type Dispatcher, EnvHttpProxyAgent, setGlobalDispatcher } from 'undici';

/** The attempt bounds an answer in time: undici's default of five minutes would undercut its deadlines. */
const NO_TIMEOUTS = { headersTimeout: 0, bodyTimeout: 0 };

/** Gives the process one pool of connections to its models, with keep-alive: `pushedFetch` and Node's `fetch` use it, so that
 *  the packages of other providers do too. By default `fetch` would abort a silent model after five minutes, regardless of
 *  the settings.
 *
 *  The pool uses the proxies of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` when Node's own `fetch` would: with
 *  `NODE_USE_ENV_PROXY=1` or `--use-env-proxy`.
 *  @param isTraced whether requests are to be sent from the call of a model, or the tool, that they belong to */
export function useModelConnections({ isTraced = false } = {}): void {
  const agent = usesProxies() ? new EnvHttpProxyAgent(NO_TIMEOUTS) : new Agent(NO_TIMEOUTS);
  setGlobalDispatcher(isTraced ? agent.compose(withinCalls) : agent);
}

const withinCalls: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
  sendWithinCall(() => dispatch(options, handler));

/** Reads Node's own switch, which is not a setting of the worker. */
function usesProxies(): boolean {
  const { env, execArgv } = process;
  const options = [...execArgv, ...(env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  return env['NODE_USE_ENV_PROXY'] === '1' || options.includes('--use-env-proxy');
}
