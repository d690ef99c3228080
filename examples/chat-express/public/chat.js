const [list, alert, form] = ['ol', '[role=alert]', 'form'].map((name) => document.querySelector(name));

/** Questions, with the ids of their answers. A site with accounts keeps them in its database. */
const turns = JSON.parse(sessionStorage.getItem('turns') ?? '[]');

for (const { question, id } of turns) {
  show(question);
  read(id);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const question = form.question.value;
  form.reset();
  show(question);
  alert.textContent = '';
  const answer = await fetch('/answers', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question, previous: turns.at(-1)?.id }),
  });
  const { id, message } = await answer.json();
  if (!answer.ok) {
    alert.textContent = message;
    return;
  }
  turns.push({ question, id });
  sessionStorage.setItem('turns', JSON.stringify(turns));
  read(id);
});

form.stop.addEventListener('click', () => fetch(`/answers/${turns.at(-1).id}`, { method: 'DELETE' }));

/** Reads an answer from its beginning, also one that has ended. EventSource reconnects and goes on by itself. */
function read(id) {
  const answer = show('');
  const source = new EventSource(`/answers/${id}`);
  answering(true);
  source.onmessage = ({ data }) => {
    const { text, end, message } = JSON.parse(data);
    if (text !== undefined) answer.append(text);
    if (end === undefined) return;
    source.close();
    answering(false);
    if (end === 'failed') alert.textContent = message;
  };
}

function show(text) {
  const item = Object.assign(document.createElement('li'), { textContent: text });
  list.append(item);
  return item;
}

function answering(now) {
  form.ask.hidden = now;
  form.stop.hidden = !now;
}
