/** Injection tokens of what is no class of the worker's. */
export const SETTINGS = Symbol('WorkerSettings');
export const LOGGER = Symbol('Logger');
/** every Redis connection of the process */
export const REDIS = Symbol('RedisFactory');
/** the connection for commands */
export const COMMANDS = Symbol('RedisConnection');
/** the subscriber that hears of cancels */
export const CONTROL_HUB = Symbol('ChannelHub');
