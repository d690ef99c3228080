import { bold, dim, formatSeconds } from '../setup/progress.mjs';

/**
 * What `npm start` says when everything answers.
 * @param {{ url: string, model: string, redis: string, logs: string, startedInMs: number }} facts
 */
export function banner({ url, model, redis, logs, startedInMs }) {
  return `
${bold('Millrace')} answers at ${bold(url)} ${dim(`(ready in ${formatSeconds(startedInMs)})`)}

  page    ${url}/
  console ${url}/console
  API     ${url}/docs
  model   ${model}
  redis   ${redis}
  logs    ${logs}

  Try it:

    curl -N ${url}/jobs -H 'content-type: application/json' -d '{"query":"Why is the sky blue?"}'

  Ctrl-C stops everything.
`;
}

/**
 * The URL to give to a person for what the API listens on.
 * @param {string} host
 * @param {number} port
 */
export function publicUrl(host, port) {
  if (host === '127.0.0.1' || host === '0.0.0.0' || host === '::' || host === '::1') return `http://localhost:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
