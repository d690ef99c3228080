/** The agent with nothing around it: runs `graph.stream()` and counts its tokens, then says what that cost.
 *  `MODEL_URL`, `PROMPT`, `RUNS`, `AT_ONCE`; `SAVER=memory`: with LangGraph's checkpointer in memory. Runs a while to get hot, then measures. */
import { MemorySaver } from '@langchain/langgraph';
import { TOKEN_MARK } from '@millrace/simulated-model/paced';
import { graph as agent } from '../agent/graph.ts';
import { given } from '../app-process.ts';

const prompt = given('PROMPT');
const runs = Number(given('RUNS'));
const atOnce = Number(given('AT_ONCE'));
const graph = agent.withConfig({});
const keepsState = process.env['SAVER'] === 'memory';
if (keepsState) graph.checkpointer = new MemorySaver();
let threads = 0;

await runAll();
const cpu = process.cpuUsage();
const beganAt = performance.now();
const { tokens, firstTokensMs } = await runAll();
const wallMs = performance.now() - beganAt;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(`${JSON.stringify({ tokens, firstTokensMs, wallMs, cpuMicros: user + system })}\n`);

async function runAll() {
  const firstTokensMs: number[] = [];
  let [begun, tokens] = [0, 0];
  const one = async () => {
    while (begun < runs) {
      begun += 1;
      const run = await runOnce();
      tokens += run.tokens;
      firstTokensMs.push(run.firstTokenMs);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return { tokens, firstTokensMs };
}

/** As the servers run it: token by token. */
async function runOnce(): Promise<{ readonly tokens: number; readonly firstTokenMs: number }> {
  const startedAt = performance.now();
  let [tokens, firstTokenMs] = [0, 0];
  const input = { messages: [{ role: 'user', content: prompt }] };
  threads += 1;
  const state = keepsState ? { durability: 'sync' as const, configurable: { thread_id: `${threads}` } } : {};
  for await (const [{ content }] of await graph.stream(input, { streamMode: 'messages', ...state })) {
    const said = typeof content === 'string' && content.startsWith(TOKEN_MARK);
    if (said && tokens === 0) firstTokenMs = performance.now() - startedAt;
    if (said) tokens += 1;
  }
  return { tokens, firstTokenMs };
}
