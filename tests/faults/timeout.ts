import { jest } from '@jest/globals';

// a fault lasts up to a minute, and the recovery takes time too
jest.setTimeout(180_000);
