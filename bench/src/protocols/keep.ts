import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { replaceSection } from '../measure/section.ts';
import { type ProtocolsResult, protocolTables, protocolTargets } from './report.ts';

const RESULTS = new URL('../../results/', import.meta.url);
const PAGE = new URL('../../../docs/performance.md', import.meta.url);

/** Keeps a run: its figures as JSON, and the tables of docs/performance.md. */
export async function keepProtocols(result: ProtocolsResult): Promise<void> {
  await mkdir(RESULTS, { recursive: true });
  await writeFile(new URL('protocols.json', RESULTS), `${JSON.stringify(result, null, 2)}\n`);
  const tables = `${protocolTargets(result)}\n\n${protocolTables(result)}`;
  await writeFile(PAGE, replaceSection(await readFile(PAGE, 'utf8'), 'protocols', tables));
}
