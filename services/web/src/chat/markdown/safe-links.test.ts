import { describe, expect, it } from '@jest/globals';
import { isMisleading } from './safe-links.ts';

describe('a link is misleading', () => {
  it.each([
    'https://bank.example',
    'bank.example',
    'WWW.Bank.Example/login?a=b',
    'see https://bank.example/login for more',
    'Log in at bank.example.',
    '(https://bank.example)',
    'ftp://bank.example/x',
    '//bank.example/x',
    'bank.example:8443/x',
    'https://evil.example@bank.example/',
    'https://evil.example, or https://bank.example',
    'https://192.0.2.7/login',
    '192.0.2.7',
    'https://[2001:db8::1]/',
    'https://localhost/x',
    'bank\u200b.example',
    'b\u00adank.example',
    'ｂank.example',
    'bank。example',
    'bаnk.example',
    'evil.example.bank.example',
  ])('where %j leads to evil.example', (words) => {
    expect(isMisleading(words, new URL('https://evil.example/x'))).toBe(true);
  });

  it('where a user name in it looks like a host', () => {
    expect(isMisleading('here', new URL('https://bank.example@evil.example/'))).toBe(true);
  });

  it.each([
    'here',
    'the first page, 3.5 times faster',
    'e.g. this one',
    'fine.example',
    'FINE.example.',
    'www.fine.example/other',
    'https://fine.example/x?y#z',
    'see https://fine.example/x.',
    'https://fine.example:8443',
    '1/2 and a//',
  ])('not where %j leads to fine.example', (words) => {
    expect(isMisleading(words, new URL('https://fine.example/x'))).toBe(false);
  });

  it('not where a name is written in its own letters', () => {
    expect(isMisleading('https://bücher.example/a', new URL('https://bücher.example/b'))).toBe(false);
    expect(isMisleading('you@fine.example', new URL('mailto:you@fine.example'))).toBe(false);
  });

  it('judged in linear time, however long its words are', () => {
    const begun = performance.now();
    for (const part of ['a', 'a.', 'a@', '//', 'é-', '1.'])
      isMisleading(part.repeat(100_000), new URL('https://fine.example'));
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});
