import { useReducer, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './chat.tsx';
import { storedMessages } from './stored-messages.ts';

const settings = new URLSearchParams(location.search);
const chatId = settings.get('chat') ?? 'chat';
const pipeline = settings.get('pipeline') ?? 'chat';
const initial = await storedMessages(chatId);

function App() {
  const [stored, setStored] = useState(initial);
  const [loads, count] = useReducer((before: number) => before + 1, 0);
  const reload = async () => {
    setStored(await storedMessages(chatId));
    count();
  };
  return <Chat key={loads} id={chatId} pipeline={pipeline} stored={stored} reload={() => void reload()} />;
}

createRoot(document.getElementById('root') as HTMLElement).render(<App />);
