/**
 * Which model answers: the one of the environment, or a simulated one that `npm start` runs itself.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} command what a person types to start again
 * @returns {{ simulated: boolean, describedAs: string }}
 */
export function chooseModel(env, command = 'npm start') {
  const baseUrl = env['OPENAI_BASE_URL'];
  if (baseUrl) return { simulated: false, describedAs: `the server at ${withoutCredentials(baseUrl)}` };
  const urlFile = env['OPENAI_BASE_URL_FILE'];
  if (urlFile) return { simulated: false, describedAs: `the server named in ${urlFile}` };
  const key = ['OPENAI_API_KEY', 'OPENAI_API_KEY_FILE'].find((name) => env[name]);
  if (key) return { simulated: false, describedAs: `OpenAI (${key})` };
  return {
    simulated: true,
    describedAs: [
      'SIMULATED: the answers are canned text at a lifelike pace.',
      `          For real ones: OPENAI_API_KEY=sk-… ${command}`,
      `          or, without a key: OPENAI_BASE_URL=http://localhost:11434/v1 MILLRACE_MODEL=llama3.2 ${command}`,
    ].join('\n'),
  };
}

/** @param {string} url */
const withoutCredentials = (url) => url.replace(/\/\/[^\s/]*@/, '//');
