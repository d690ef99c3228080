import { INSPECTED, Inspector } from '@millrace/testing';
import type { RunningLoad } from '../../load/load-generator.ts';
import { privateBytes } from '../../measure/cpu.ts';
import { startMillrace } from '../../peers/millrace/millrace.ts';
import type { Case } from '../case.ts';
import { rounded } from '../metered.ts';

const STREAMS = 4_000;
/** enough that all code has run often: what a process compiles and grows by once is no stream's */
const FEW = 500;
/** nobody says a word while this is measured */
const SILENT = { tokens: 1, perSecond: 0, firstTokenMs: 600_000, stamped: false };

/** What a stream costs on which nothing comes, in a system of its own: memory that other loads left behind would hide it. */
export const IDLE_MEMORY_CASES: readonly Case[] = [
  {
    of: 'idle',
    peer: 'millrace',
    title: `memory of ${STREAMS} idle streams`,
    everyRound: false,
    measure: async ({ model, generator }) => {
      // the inspector can collect garbage, which is not what a stream holds
      await using millrace = await startMillrace(model, INSPECTED);
      using inspector = await Inspector.of(millrace.api);
      const { nginx = [] } = millrace.pids;
      const read = async () => {
        await inspector.collectGarbage();
        return { api: privateBytes([millrace.api.pid]), nginx: privateBytes(nginx) };
      };
      const open = (streams: number): RunningLoad => {
        const { port, text } = millrace.ask(SILENT);
        return generator.begin({ port, request: text, streams, atOnce: streams, overMs: streams, stamped: false });
      };
      const few = open(FEW);
      await few.open;
      const before = await read();
      await few.stop();
      const many = open(STREAMS);
      await many.open;
      const after = await read();
      await fetch(`${millrace.url}/jobs?status=active`, { method: 'DELETE' });
      await fetch(`${millrace.url}/jobs?status=queued`, { method: 'DELETE' });
      await many.stop();
      const perStream = (bytes: number) => rounded(bytes / 1_024 / (STREAMS - FEW));
      return { apiKiB: perStream(after.api - before.api), nginxKiB: perStream(after.nginx - before.nginx) };
    },
  },
];
