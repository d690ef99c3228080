/** The load generator as a process of its own, so that what it costs is not counted as anybody else's. Told what to do by
 *  its parent over IPC (`load.ts`); ends with it. */
import type { LoadCommand, LoadReport } from './load.ts';
import { LoadRun } from './load-run.ts';

let run: LoadRun | undefined;

process.on('disconnect', () => process.exit(0));
process.on('message', (command: LoadCommand) => {
  if (command.kind === 'stop') run?.stop();
  else if (command.kind === 'mark') {
    if (run !== undefined) report({ kind: 'mark', mark: run.mark() });
  } else {
    run = new LoadRun(command.load, {
      onOpen: () => report({ kind: 'open' }),
      onDone: (result) => report({ kind: 'done', result }),
    });
  }
});
report({ kind: 'ready' });

function report(message: LoadReport): void {
  process.send?.(message);
}
