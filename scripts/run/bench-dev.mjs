/**
 * `npm run bench:dev`: how long `millrace dev` takes until a fresh agent project answers, and until it answers with a change. Each of
 * five rounds has a project of its own. What else the machine does counts: the load is told beside the figures.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { inProject } from '../setup/project.mjs';
import { freePort } from './free-port.mjs';

const ROUNDS = 5;

const agentThatSays = (/** @type {string} */ words) => `
import { AIMessage } from '@langchain/core/messages';
import { MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
const greet = async () => ({ messages: [new AIMessage('${words}')] });
export const graph = new StateGraph(MessagesAnnotation).addNode('greet', greet).addEdge(START, 'greet').compile();
`;

/** @param {number} port */
async function ask(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/plain' },
    body: '{"query":"Hello","pipeline":"greeter"}',
  });
  return await answer.text();
}

/** @returns {Promise<[number, number]>} seconds until the project answers, and until it answers with a change */
async function measure() {
  // inside this project, where it finds LangGraph
  const folder = mkdtempSync(inProject('bench/dev-project-'));
  writeFileSync(path.join(folder, 'langgraph.json'), '{"graphs":{"greeter":"./agent.ts:graph"}}');
  writeFileSync(path.join(folder, 'agent.ts'), agentThatSays('first'));
  const port = await freePort();
  let from = performance.now();
  const seconds = () => (performance.now() - from) / 1000;
  const args = [inProject('services/cli/bin/millrace.js'), 'dev', '--port', String(port)];
  const dev = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const lines = createInterface(dev.stdout);
    await new Promise((resolve, reject) => {
      lines.on('line', (line) => line.includes('Millrace answers at') && resolve(line));
      lines.once('close', () => reject(new Error('millrace dev has ended')));
    });
    await ask(port);
    const served = seconds();
    from = performance.now();
    writeFileSync(path.join(folder, 'agent.ts'), agentThatSays('second'));
    while ((await ask(port)) !== 'second') await sleep(50);
    return [served, seconds()];
  } finally {
    const ended = once(dev, 'exit');
    if (dev.exitCode === null && dev.kill('SIGINT')) await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

for (let round = 1; round <= ROUNDS; round += 1) {
  const [served, changed] = await measure();
  const load = loadavg()[0]?.toFixed(1);
  console.log(
    `${round}  answers after ${served.toFixed(1)} s, with a change after ${changed.toFixed(1)} s  (load ${load} on ${availableParallelism()} cores)`,
  );
}
