import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import { z } from 'zod';

const Contact = z.object({
  name: z.string().describe('The full name of the person.'),
  city: z.string(),
  phone: z.string().nullable().describe('With country code; null if the text has none.'),
});

export default createAgent({
  model: new ChatOpenAI({ model: 'gpt-4o-mini' }),
  tools: [],
  responseFormat: Contact,
  systemPrompt: 'Read the contact out of the text.',
});
