import { jest } from '@jest/globals';

// for hooks too. Tests start processes, on a machine that may be busy with others; nothing here is slow by itself, and what
// must be quick says so with a bound of its own
jest.setTimeout(120_000);
