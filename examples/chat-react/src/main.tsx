import { Millrace } from '@millrace/client';
import { MillraceProvider } from '@millrace/client/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './chat';
import './style.css';

const client = new Millrace({ baseUrl: import.meta.env['VITE_MILLRACE_URL'] ?? 'http://localhost:8080' });

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <MillraceProvider client={client}>
      <Chat />
    </MillraceProvider>
  </StrictMode>,
);
