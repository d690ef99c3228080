import { createAgent, tool } from 'langchain';
import { z } from 'zod';

const ORDERS = new Map([
  ['A-17', { item: 'a tent', city: 'Oslo', sentOn: '2026-03-02' }],
  ['A-18', { item: 'two mugs', city: 'Lyon', sentOn: '2026-03-04' }],
]);
const DAYS_TO = new Map([
  ['Oslo', 4],
  ['Lyon', 2],
]);

const findOrder = tool(
  ({ id }) => {
    const order = ORDERS.get(id);
    // the model is told, and may ask again
    if (order === undefined) throw new Error(`There is no order ${id}.`);
    return JSON.stringify(order);
  },
  {
    name: 'find_order',
    description: 'Looks an order up by its id, such as A-17.',
    schema: z.object({ id: z.string() }),
  },
);

const shippingDays = tool(({ city }) => `${DAYS_TO.get(city) ?? 7} days`, {
  name: 'shipping_days',
  description: 'How many days a parcel takes to a city.',
  schema: z.object({ city: z.string() }),
});

export const agent = createAgent({
  model: 'openai:gpt-4o-mini',
  tools: [findOrder, shippingDays],
  systemPrompt: 'You answer questions about orders. Look things up, never guess.',
});
