const [list, alert, form] = ['ol', '[role=alert]', 'form'].map((name) => document.querySelector(name));

// the chat is a thread, which the service keeps; the address names it, so that it can be reloaded and shared
if (location.hash === '') location.replace(`#${crypto.randomUUID()}`);
const threadId = location.hash.slice(1);

/** The job whose answer is being read. */
let running = null;

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const query = form.question.value;
  form.reset();
  show('user', query);
  try {
    const { id } = await ask('POST', '/jobs', { query, threadId });
    read(id);
  } catch (error) {
    complain(error.message);
  }
});

form.stop.addEventListener('click', () => fetch(`/jobs/${running}`, { method: 'DELETE' }));

/** Reads an answer from its beginning. EventSource reconnects by itself and goes on after the last event that it has. */
function read(jobId) {
  const answer = document.getElementById(jobId) ?? show('assistant', '', jobId);
  const source = new EventSource(`/jobs/${jobId}/stream`);
  const end = () => {
    source.close();
    answering(null);
  };
  answering(jobId);
  answer.textContent = '';
  source.onmessage = ({ data }) => answer.append(JSON.parse(data).text);
  // another worker has taken over, and begins again
  source.addEventListener('reset', () => answer.replaceChildren());
  source.addEventListener('done', end);
  source.addEventListener('cancelled', end);
  source.addEventListener('error', ({ data }) => {
    if (data === undefined) {
      // a lost connection; only if the service refuses, EventSource does not try again
      if (source.readyState === EventSource.CLOSED) complain('The answer cannot be read. Load the page again.');
      return;
    }
    end();
    complain(JSON.parse(data).message);
  });
}

/** What has been said so far, and what is being said. */
async function restore() {
  // makes the thread, or finds it
  const { activeJob } = await ask('POST', '/threads', { id: threadId });
  for (let cursor = ''; cursor !== null; ) {
    const page = await ask('GET', `/threads/${threadId}/messages?limit=100${cursor && `&cursor=${cursor}`}`);
    for (const { role, content, jobId } of page.items) show(role, content, role === 'assistant' ? jobId : undefined);
    cursor = page.nextCursor && encodeURIComponent(page.nextCursor);
  }
  if (activeJob !== null) read(activeJob);
}

/** @returns the answer's JSON */
async function ask(method, path, body) {
  const headers = { accept: 'application/json', ...(body && { 'content-type': 'application/json' }) };
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.detail ?? json.title);
  return json;
}

function show(role, text, id = '') {
  const item = Object.assign(document.createElement('li'), { className: role, id, textContent: text });
  list.append(item);
  return item;
}

function answering(jobId) {
  running = jobId;
  form.ask.hidden = jobId !== null;
  form.stop.hidden = jobId === null;
  if (jobId !== null) alert.hidden = true;
}

function complain(message) {
  alert.textContent = message;
  alert.hidden = false;
}

restore().then(
  () => {
    form.ask.disabled = false;
  },
  (error) => complain(error.message),
);
