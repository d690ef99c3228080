import { describe, expect, it } from '@jest/globals';
import { banner, publicUrl } from './banner.mjs';
import { chooseModel } from './model-choice.mjs';

describe('banner', () => {
  const facts = { url: 'http://localhost:8080', redis: 'private', logs: '.millrace/logs', startedInMs: 1234 };

  it('shows a curl that can be pasted', () => {
    expect(banner({ ...facts, model: 'OpenAI' })).toContain(
      `curl -N http://localhost:8080/jobs -H 'content-type: application/json' -d '{"query":"Why is the sky blue?"}'`,
    );
  });

  it('names the page, the console and the reference', () => {
    const text = banner({ ...facts, model: 'OpenAI' });
    for (const path of ['/', '/console', '/docs']) expect(text).toContain(`http://localhost:8080${path}\n`);
  });

  it('says plainly that answers are simulated, and how to get real ones', () => {
    const text = banner({ ...facts, model: chooseModel({}).describedAs });
    expect(text).toContain('SIMULATED');
    expect(text).toContain('OPENAI_API_KEY=sk-… npm start');
  });
});

describe('publicUrl', () => {
  it.each([
    ['127.0.0.1', 'http://localhost:8080'],
    ['0.0.0.0', 'http://localhost:8080'],
    ['10.1.2.3', 'http://10.1.2.3:8080'],
    ['fd00::1', 'http://[fd00::1]:8080'],
  ])('names %s as %s', (host, url) => {
    expect(publicUrl(host, 8080)).toBe(url);
  });
});

describe('chooseModel', () => {
  it.each([
    [{}, true],
    [{ OPENAI_API_KEY: '', OPENAI_BASE_URL: '' }, true],
    [{ OPENAI_API_KEY: 'sk-1' }, false],
    [{ OPENAI_API_KEY_FILE: '/run/secrets/key' }, false],
    [{ OPENAI_BASE_URL: 'http://localhost:11434/v1' }, false],
  ])('with %j simulates: %s', (env, simulated) => {
    expect(chooseModel(env).simulated).toBe(simulated);
  });

  it('shows no password of a URL', () => {
    expect(chooseModel({ OPENAI_BASE_URL: 'http://me:secret@host/v1' }).describedAs).toBe(
      'the server at http://host/v1',
    );
  });
});
