import { describe, expect, it } from '@jest/globals';
import { isPrivateUrl, isPublicAddress, PrivateAddress, publicLookup } from './public-address.ts';

describe('an address', () => {
  it.each(['93.184.216.34', '1.1.1.1', '2606:2800:220:1::1', '::ffff:93.184.216.34'])('is public: %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    ...['127.0.0.1', '127.9.9.9', '10.0.0.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '0.0.0.0', '100.64.0.1'],
    ...['224.0.0.1', '255.255.255.255', '198.18.0.1', '::1', '::', 'fe80::1', 'fd00::1', 'ff02::1', '::ffff:127.0.0.1'],
    ...['::127.0.0.1', '::ffff:0:127.0.0.1', '64:ff9b:1::7f00:1', '2001::1', 'fec0::1'],
    ...['::ffff:a00:1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001:db8::1', 'not-an-address', ''],
  ])('is not: %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('a URL', () => {
  it.each([
    ...['http://127.0.0.1/', 'http://2130706433/', 'http://0x7f.1/', 'http://017700000001/', 'http://[::1]/'],
    ...[
      'http://[::ffff:127.0.0.1]/',
      'http://localhost:9/',
      'http://a.localhost/',
      'http://LOCALHOST./',
      'http://redis/',
    ],
    ...[
      'http://0177.0.0.1/',
      'http://127.1/',
      'http://127.0.0.1./',
      'http://0.0.0.0/',
      'http://[::]/',
      'http://[fe80::1]/',
    ],
    ...[
      'http://169.254.169.254/',
      'http://[64:ff9b::7f00:1]/',
      'http://hooks.example@127.0.0.1/',
      'http://a.internal./',
    ],
    ...['http://printer.local/', 'http://metadata.google.internal/', 'http://10.1.2.3:80/x?y'],
  ])('says that it is private: %s', (url) => {
    expect(isPrivateUrl(new URL(url))).toBe(true);
  });

  it.each(['https://hooks.example/x', 'http://93.184.216.34/', 'http://localhost.example/'])('does not: %s', (url) => {
    expect(isPrivateUrl(new URL(url))).toBe(false);
  });
});

describe('a look-up', () => {
  const look = (allowed: readonly string[], all: boolean) =>
    new Promise((resolve) => {
      publicLookup(new Set(allowed))('localhost', { all }, (error, address) => resolve(error ?? address));
    });

  it('finds nothing for a name that leads to private addresses alone', async () => {
    expect(await look([], true)).toBeInstanceOf(PrivateAddress);
    expect(await look([], false)).toBeInstanceOf(PrivateAddress);
  });

  it('finds it if the name is allowed', async () => {
    expect(await look(['localhost'], true)).toContainEqual(expect.objectContaining({ address: expect.any(String) }));
    expect(await look(['localhost'], false)).toMatch(/127\.0\.0\.1|::1/);
  });

  it('gives the socket the public ones alone where a name has both', async () => {
    const both = ['127.0.0.1', '93.184.216.34', '::1', '::ffff:10.0.0.1'].map((address) => ({
      ...{ address, family: address.includes(':') ? 6 : 4 },
    }));
    const found = await new Promise((resolve) => {
      const look = publicLookup(new Set(), (_, __, callback) => callback(null, both));
      look('hooks.example', { all: true }, (_, addresses) => resolve(addresses));
    });
    expect(found).toEqual([{ address: '93.184.216.34', family: 4 }]);
  });

  it('looks at each answer, whatever the one before was', async () => {
    const answers = ['93.184.216.34', '127.0.0.1', '93.184.216.34'];
    const look = publicLookup(new Set(), (_, __, callback) =>
      callback(null, [{ address: answers.shift() ?? '', family: 4 }]),
    );
    const next = () =>
      new Promise((resolve) => look('hooks.example', {}, (error, address) => resolve(error ?? address)));
    expect([await next(), await next(), await next()]).toEqual([
      '93.184.216.34',
      expect.any(PrivateAddress),
      '93.184.216.34',
    ]);
  });
});
