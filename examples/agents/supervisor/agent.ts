import { HumanMessage } from '@langchain/core/messages';
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent, tool } from 'langchain';
import { z } from 'zod';

type State = typeof MessagesAnnotation.State;

const model = new ChatOpenAI({ model: 'gpt-4o-mini' });

const climate = tool(({ city, month }) => `${city} in ${month}: 8 to 14 °C, rain on 9 days.`, {
  name: 'climate',
  description: 'The usual weather of a city in a month.',
  schema: z.object({ city: z.string(), month: z.string() }),
});

/** An expert that is an agent itself. */
const weather = createAgent({
  model,
  tools: [climate],
  systemPrompt: 'You know the weather. Say in one sentence what to expect and what to wear.',
}).graph;

/** An expert of two steps. */
const sights = new StateGraph(MessagesAnnotation)
  .addNode('collect', ask('List ten sights that fit the journey.'))
  .addNode('choose', ask('Choose the three best of these sights, in one sentence.'))
  .addEdge(START, 'collect')
  .addEdge('collect', 'choose')
  .addEdge('choose', END)
  .compile();

const EXPERTS = ['weather', 'sights'] as const;

/** The experts whom the supervisor named; all of them if it named none. */
function named({ messages }: State) {
  const plan = messages.at(-1)?.text.toLowerCase() ?? '';
  const chosen = EXPERTS.filter((expert) => plan.includes(expert));
  return chosen.length > 0 ? chosen : [...EXPERTS];
}

export const agent = new StateGraph(MessagesAnnotation)
  .addNode('supervisor', ask(`Which experts does this need? Answer only with their names: ${EXPERTS.join(', ')}.`))
  .addNode('weather', weather)
  .addNode('sights', sights)
  .addNode('editor', ask('Write the travel plan, from what the experts said.'))
  .addEdge(START, 'supervisor')
  // those that were chosen run side by side
  .addConditionalEdges('supervisor', named, [...EXPERTS])
  .addEdge('weather', 'editor')
  .addEdge('sights', 'editor')
  .addEdge('editor', END)
  .compile();

/** A node that gives the model an instruction for this step alone. */
function ask(instruction: string) {
  return async ({ messages }: State) => ({
    messages: [await model.invoke([...messages, new HumanMessage(instruction)])],
  });
}
