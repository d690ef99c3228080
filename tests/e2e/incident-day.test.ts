import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findProgram } from '../../scripts/setup/install-package.mjs';
import { type Played, play } from '../incidents/day.ts';
import { INCIDENTS } from '../incidents/incidents.ts';
import { firstCommands } from '../incidents/runbook.ts';
import { Stage } from '../incidents/stage.ts';
import { Traffic } from '../incidents/traffic.ts';
import { hasPrometheus } from './prometheus.ts';

const TIMES = 10;
const TIMEOUT_MS = 240_000;
// as long as an alert may take to fire, and to clear
const INCIDENT_MS = 600_000;
/** The shortest of the day; `npm run incident-day` plays all. */
const CHOSEN = ['worker lost: killed', 'Redis lost'];

const isEquipped = hasPrometheus && ['promtool', 'jq', 'curl'].every((program) => findProgram(program) !== null);

(isEquipped ? describe : describe.skip)('what goes wrong is told of by its alert and by no other', () => {
  const parts = new AsyncDisposableStack();
  const commands = firstCommands();
  let stage: Stage;
  beforeAll(async () => {
    stage = parts.use(await Stage.start(TIMES));
    parts.use(new Traffic(stage));
    await stage.alerts.untilScraped();
  }, TIMEOUT_MS);
  afterAll(() => parts.disposeAsync(), TIMEOUT_MS);

  it(
    'each first command of the runbook runs where nothing is wrong',
    async () => {
      for (const command of new Set(commands.values())) {
        const { code, text } = await stage.shell.run(command);
        expect([command, code, text]).toEqual([command, 0, expect.any(String)]);
      }
    },
    INCIDENT_MS,
  );

  it.each(INCIDENTS.filter(({ name }) => CHOSEN.includes(name)).map((incident) => [incident.name, incident] as const))(
    '%s: it fires, the first command finds the cause, it clears',
    async (_, incident) => {
      const said: string[] = [];
      const { faults, rows }: Played = await play(stage, incident, { commands, say: (line) => said.push(line) });
      expect({ faults, said }).toEqual({ faults: [], said });
      expect(rows.map(({ alert }) => alert)).toEqual(expect.arrayContaining([...incident.alerts]));
      const own = rows.filter(({ alert }) => incident.alerts.includes(alert));
      expect(own.filter(({ firedMs, clearedMs }) => firedMs === null || clearedMs === null)).toEqual([]);
    },
    INCIDENT_MS,
  );
});
