/** The agent with nothing around it: runs `graph.stream()` and counts its tokens, then says what that cost.
 *  `MODEL_URL`, `PROMPT`, `RUNS`, `AT_ONCE`; `WARM_PROMPT` and `WARM_RUNS` get it hot before; `SAVER=memory`: with LangGraph's
 *  checkpointer in memory. */
import { MemorySaver } from '@langchain/langgraph';
import { TOKEN_MARK } from '@millrace/simulated-model/paced';
import { graph as agent } from '../agent/graph.ts';
import { given } from '../app-process.ts';

const atOnce = Number(given('AT_ONCE'));
const graph = agent.withConfig({});
const keepsState = process.env['SAVER'] === 'memory';
if (keepsState) graph.checkpointer = new MemorySaver();
let threads = 0;

await runAll(given('WARM_PROMPT'), Number(given('WARM_RUNS')));
const cpu = process.cpuUsage();
const beganAt = performance.now();
const { tokens, firstTokensMs } = await runAll(given('PROMPT'), Number(given('RUNS')));
const wallMs = performance.now() - beganAt;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(`${JSON.stringify({ tokens, firstTokensMs, wallMs, cpuMicros: user + system })}\n`);

async function runAll(prompt: string, runs: number) {
  const firstTokensMs: number[] = [];
  let [begun, tokens] = [0, 0];
  const one = async () => {
    while (begun < runs) {
      begun += 1;
      const run = await runOnce(prompt);
      tokens += run.tokens;
      firstTokensMs.push(run.firstTokenMs);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return { tokens, firstTokensMs };
}

/** As the servers run it: token by token. */
async function runOnce(prompt: string): Promise<{ readonly tokens: number; readonly firstTokenMs: number }> {
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
