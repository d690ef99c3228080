import { Millrace } from '@millrace/client';
import { apiKey, rememberApiKey } from './api-key.ts';
import { Composer } from './composer.ts';
import { Conversation } from './conversation.ts';
import { byId } from './dom.ts';
import { followEnd } from './scrolling.ts';

const client = new Millrace({ apiKey });
const exchanges = byId('exchanges', HTMLElement);
const welcome = byId('welcome', HTMLElement);
const newConversation = byId('new-conversation', HTMLButtonElement);
const announcer = byId('announcer', HTMLElement);

const composer = new Composer({
  ask(question) {
    if (composer.apiKey !== '') rememberApiKey(composer.apiKey);
    show('conversation');
    void conversation.ask(question);
  },
  stop: () => void conversation.stop(),
  cut: () => conversation.cut(),
});
let conversation = emptyConversation();

newConversation.addEventListener('click', () => {
  history.pushState(null, '', location.pathname);
  openWhatUrlSays();
});
// also when somebody edits the fragment
addEventListener('popstate', openWhatUrlSays);
followEnd(exchanges);
openWhatUrlSays();

/** The fragment names a request, and with it a conversation; without one the page begins a new one. */
function openWhatUrlSays(): void {
  conversation.leave();
  conversation = emptyConversation();
  composer.setBusy(false);
  composer.focus();
  const requestId = location.hash.slice(1);
  show(requestId === '' ? 'welcome' : 'conversation');
  if (requestId !== '') void conversation.open(requestId);
}

function emptyConversation(): Conversation {
  return new Conversation(client, exchanges, {
    busy: (isBusy) => composer.setBusy(isBusy),
    at: (requestId) => {
      history.replaceState(null, '', `#${requestId}`);
      composer.hideKey();
    },
    announce: (text) => {
      announcer.textContent = text;
    },
    keyWanted: () => composer.askForKey(apiKey() ?? ''),
  });
}

function show(what: 'welcome' | 'conversation'): void {
  welcome.hidden = what !== 'welcome';
  newConversation.hidden = what === 'welcome';
}
