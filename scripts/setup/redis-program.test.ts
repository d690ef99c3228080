import { describe, expect, it } from '@jest/globals';
import { isNewEnough, serverVersion } from './redis-program.mjs';

describe('serverVersion', () => {
  it.each([
    ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=e2d3', '7.0.15', true],
    ['Valkey server v=8.1.3 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1', '8.1.3', true],
    ['Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=a3', '6.0.16', false],
  ])('reads %s', (printed, version, enough) => {
    expect(serverVersion(printed)).toBe(version);
    expect(isNewEnough(version)).toBe(enough);
  });
});
