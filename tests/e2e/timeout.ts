import { jest } from '@jest/globals';

// each test starts processes, on a machine that may be busy with others; nothing here is slow by itself
jest.setTimeout(60_000);
