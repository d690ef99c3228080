import type { ProcessReport } from './process-report.ts';
import { ProcessReports, type Told } from './process-reports.ts';

interface ReporterPorts {
  readonly reports: ProcessReports;
  /** the id of this process */
  readonly process: string;
  /** made anew for each report */
  readonly report: () => ProcessReport;
  /** called with each answer */
  readonly told?: (told: Told) => void;
  /** called when a report did not arrive; the next one is tried all the same */
  readonly failed: (error: unknown) => void;
}

/** Reports for a process: every five seconds, and every second while somebody watches. */
export class Reporter {
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(readonly ports: ReporterPorts) {}

  start(): void {
    void this.#report();
  }

  /** Reports no more, and is no longer listed. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    // not awaited: without Redis it would wait for ever, and the report expires
    this.ports.reports.withdraw(this.ports.process).catch(this.ports.failed);
  }

  async #report(): Promise<void> {
    const { reports, process, report, told, failed } = this.ports;
    let everyMs = ProcessReports.EVERY_MS;
    try {
      const answer = await reports.report(process, report());
      if (this.#stopped) return;
      if (answer.watched) everyMs = ProcessReports.WATCHED_EVERY_MS;
      told?.(answer);
    } catch (error) {
      failed(error);
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#report(), everyMs);
  }
}
