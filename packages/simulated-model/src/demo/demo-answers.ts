/** What the demonstration model knows. The first topic whose pattern matches a question answers it. */
export const DEMO_TOPICS: readonly { readonly about: RegExp; readonly answer: string }[] = [
  {
    about: /^(?=.*\bsky\b)(?=.*\bblue\b)/is,
    answer: `The sky is blue because air scatters short waves of light more than long ones.

Sunlight holds every colour. On its way through the atmosphere it meets molecules of nitrogen and oxygen, far smaller than its wavelength, and they scatter blue light about four times as strongly as red. This is Rayleigh scattering: its strength grows with the inverse fourth power of the wavelength. So from every direction of the sky, scattered blue light reaches your eye.

Violet would be scattered even more, but the sun sends less of it, the upper air absorbs a part, and our eyes are less sensitive to it. At sunset the light travels a much longer way through the air; most of the blue is lost to the sides, and what arrives is red.`,
  },
  {
    about: /\bresum(?:e|ing)\b/i,
    answer: `Keep the job, not the connection. Every event has an id, and the **last one you saw** is all that a reader needs to go on:

\`\`\`js
const job = await millrace.jobs.create({ query: 'Why is the sky blue?' });
for await (const text of job.text()) render(text); // reconnects by itself

// after a reload
const again = millrace.jobs.resume(JSON.parse(sessionStorage.getItem('job')));
\`\`\`

| what breaks | what you notice |
| --- | --- |
| the connection | nothing: the stream goes on after the last event |
| an API node | nothing: another node has the same log |
| a worker | the answer starts again, and says so |

So the stream outlives whatever carries it.`,
  },
  {
    about: /\bqueue\b|\bbullmq\b/i,
    answer: `A queue separates accepting work from doing it.

The part that takes requests writes down what is to be done and answers at once; workers take from the queue as fast as they can. A burst then makes the queue longer instead of making the service fail, workers can be added or restarted without anybody noticing, and a job whose worker died is simply taken by another one.

The price is that the result is no longer in the hand of the one who asked. Something must carry it back: here, a log of events in Redis that any node can read.`,
  },
  {
    about: /\bsse\b|server-sent|\bevent ?stream\b|\bstreaming\b/i,
    answer: `Server-sent events are a plain HTTP response that does not end until there is nothing more to say.

Each event is a few lines of text: an id, perhaps a name, and its data, closed by an empty line. The browser remembers the last id, and when the connection breaks it asks again with a Last-Event-ID header, so that the server can go on where it stopped. It works through every proxy that does not buffer, needs no protocol of its own, and is easy to look at with curl.`,
  },
  {
    about: /\bredis\b/i,
    answer: `Redis is a data structure server that keeps its data in memory.

It knows strings, hashes, lists, sorted sets and streams, changes them atomically, and runs small Lua scripts on them, so that several changes happen together or not at all. A stream is a log to which entries are appended under increasing ids; a reader who knows the last id it saw can ask for everything after it. With an append-only file the data survives a restart.`,
  },
  {
    about: /\b(poem|haiku)\b/i,
    answer: `A word leaves the mill,
carried down the narrow race,
and none falls beside.`,
  },
  {
    about: /^\W*(hi|hello|hey|good (morning|evening))\b/i,
    answer: `Hello! I am a simulated model, so I know only a few things by heart: ask me why the sky is blue, what a queue is good for, or how server-sent events work. Everything between you and me is real: the queue, the worker, the log and the stream that you are reading.`,
  },
];

const QUOTED_AT_MOST = 200;

/** The answer to any other question: it says plainly that it is simulated. */
export function catchAllAnswer(question: string): string {
  const characters = [...question.trim()];
  const quoted =
    characters.length > QUOTED_AT_MOST ? `${characters.slice(0, QUOTED_AT_MOST).join('')}…` : characters.join('');
  return `You asked: “${quoted}”

I am a simulated model. I run beside Millrace so that you can try it without a key and without cost, and I have no answer of my own to that. A real model would begin to speak here: set OPENAI_API_KEY, or OPENAI_BASE_URL for a model on your own machine, and ask again.

Everything else on the way was real. Your question went through the queue to a worker, these words come back through the log in Redis, and you can cut this stream at any moment and resume it where it stopped. If you would like a proper answer from me, ask why the sky is blue.`;
}
