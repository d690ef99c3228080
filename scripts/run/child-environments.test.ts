import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { apiEnvironment, bareEnvironment, workerEnvironment } from './child-environments.mjs';

const GIVEN = {
  OPENAI_API_KEY: 'sk-1',
  OPENAI_BASE_URL: 'http://user:pass@model',
  ANTHROPIC_API_KEY: 'sk-2',
  HF_TOKEN: 'hf-3',
  MILLRACE_API_KEYS: 'tenant:user:secret',
  MILLRACE_LOG_LEVEL: 'debug',
  REDIS_URL: 'redis://:secret@host',
  REDIS_URLS: 'redis://:secret@host redis://:secret@other',
  DOCKER_HOST: 'unix:///run/docker.sock',
};

describe('the environments of what npm start runs', () => {
  const before = { ...process.env };
  beforeEach(() => void Object.assign(process.env, GIVEN));
  afterEach(() => {
    for (const name of Object.keys(GIVEN)) delete process.env[name];
    Object.assign(process.env, before);
  });

  const given = (env: NodeJS.ProcessEnv) => Object.keys(GIVEN).filter((name) => name in env);

  it('give keys of models to the worker alone', () => {
    expect(given(workerEnvironment())).toEqual(Object.keys(GIVEN).filter((name) => name !== 'MILLRACE_API_KEYS'));
  });

  it('give keys of callers to the API alone', () => {
    const names = ['MILLRACE_API_KEYS', 'MILLRACE_LOG_LEVEL', 'REDIS_URL', 'REDIS_URLS', 'DOCKER_HOST'];
    expect(given(apiEnvironment())).toEqual(names);
  });

  it('give Redis and the simulated model nothing of either', () => {
    expect(given(bareEnvironment())).toEqual(['DOCKER_HOST']);
    expect(bareEnvironment()).toHaveProperty('PATH');
  });
});
