export { type Canary, canariesIn, canary, secretCanary } from './canaries/canaries.ts';
export { KEPT_LOGS } from './canaries/kept-output.ts';
export { type FoundCanary, searchLogs } from './canaries/search-logs.ts';
export { ConformanceServer, type ScenarioRun } from './client-conformance/conformance-server.ts';
export { SCENARIOS, type Scenario } from './client-conformance/scenarios.ts';
export { type Exchanged, type ExchangeOptions, exchange, type Pieces } from './http/exchange.ts';
export { type PythonEvent, readAsPython } from './http/python-sse.ts';
export { type RawAnswer, type RawRequestOptions, rawRequest } from './http/raw-request.ts';
export { type ReadSseOptions, readSse, type SseEvent, SseReader } from './http/read-sse.ts';
export { ResumingReader, type ResumingReaderOptions } from './http/resuming-reader.ts';
export { endsAmong, partsOf, textAfter } from './http/sse-history.ts';
export { type Deferred, deferred } from './latches/deferred.ts';
export { type EventuallyOptions, eventually } from './latches/eventually.ts';
export { freePort } from './latches/free-port.ts';
export { type ByteFilter, FaultProxy, type FaultProxyOptions, startFaultProxy } from './network/start-fault-proxy.ts';
export { type Chapter, judgeChronicle } from './oracle/judge-chronicle.ts';
export {
  type Followed,
  judgeFollower,
  judgeFollowerOfDeleted,
  type ThreadJob,
} from './oracle/judge-follower.ts';
export { judgeLog } from './oracle/judge-log.ts';
export { judgeReader, type ReaderRules, type Seen } from './oracle/judge-reader.ts';
export { judgeTurns, stoppersOf, type Turn } from './oracle/judge-turns.ts';
export { DEFECTS, type Defect, type Offence } from './oracle/offence.ts';
export { Child, type ChildCommand, type ChildExit } from './process/child-process.ts';
export { INSPECTED, Inspector } from './process/inspector.ts';
export { type LogLine, type ServiceName, SpawnedService, spawnService } from './process/spawn-service.ts';
export { type NginxOptions, startNginx, type TestNginx } from './process/start-nginx.ts';
export { startObjectServer, type TestObjectServer } from './process/start-object-server.ts';
export { startPostgres, type TestPostgres } from './process/start-postgres.ts';
export { Random } from './random.ts';
export { MessageLoss } from './redis/message-loss.ts';
export { startRedisProcess } from './redis/redis-process.ts';
export { severReplication, untilPromoted } from './redis/replication.ts';
export { newKeyPrefix, type RedisKind, startRedis } from './redis/start-redis.ts';
export {
  type RedisClusterOptions,
  startRedisCluster,
  type TestRedisCluster,
  type TestShard,
} from './redis/start-redis-cluster.ts';
export { startSentinel, type TestSentinel } from './redis/start-sentinel.ts';
export type { TestRedis } from './redis/test-redis.ts';
export { wordsIn } from './redis/words-in.ts';
