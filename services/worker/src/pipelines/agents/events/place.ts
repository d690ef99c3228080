/** Where in a graph something happens, by names that are the same in every run. */
export interface Place {
  readonly node?: string;
  /** the subgraphs around it, outermost first; absent in the graph itself */
  readonly namespace?: string[];
}

/** The names in a namespace of LangGraph's: `supervisor:<uuid>` → `supervisor`; a number counts the calls of one subgraph. */
export function namesIn(namespace: readonly string[]): string[] {
  return namespace.map((part) => part.replace(/:[^:]*$/, '')).filter((name) => name !== '' && !/^\d+$/.test(name));
}

/** The place of a node in a graph.
 *  @param namespace of the graph, as LangGraph names it: empty for the outermost */
export function placeIn(namespace: readonly string[], node: string | undefined): Place {
  const names = namesIn(namespace);
  return {
    ...(node === undefined ? {} : { node }),
    ...(names.length === 0 ? {} : { namespace: names }),
  };
}

/** The place that LangGraph's metadata of a call names. */
export function placeOfCall(metadata: Readonly<Record<string, unknown>> | undefined): Place {
  const path = metadata?.['langgraph_checkpoint_ns'] ?? metadata?.['checkpoint_ns'];
  const node = metadata?.['langgraph_node'];
  // the last part is the node's own
  const namespace = typeof path === 'string' ? path.split('|').slice(0, -1) : [];
  return placeIn(namespace, typeof node === 'string' ? node : undefined);
}

/** A place as the key of a map. */
export function graphOf({ namespace = [] }: Place): string {
  return namespace.join('\n');
}
