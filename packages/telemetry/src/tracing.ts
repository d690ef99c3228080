/** What is logged of tracing, through the service's own logger. */
export interface TraceLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface TracedService {
  /** `api`, `worker` */
  readonly name: string;
  readonly logger: TraceLog;
}

/** The traces of this process. */
export interface Tracing {
  /** Sends what is not sent yet, for at most two seconds: the process does not wait for a collector. */
  close(): Promise<void>;
}
