import { createContext, createElement, type ReactNode, useContext } from 'react';
import type { Millrace } from '../millrace.ts';

const ClientContext = createContext<Millrace | null>(null);

/** Gives the hooks below it the service that they use. */
export function MillraceProvider({ client, children }: { readonly client: Millrace; readonly children?: ReactNode }) {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** @returns the client of the provider above
 *  @throws Error there is none */
export function useMillrace(): Millrace {
  const client = useContext(ClientContext);
  if (client === null) throw new Error('useMillrace needs a <MillraceProvider client={…}> above it');
  return client;
}
