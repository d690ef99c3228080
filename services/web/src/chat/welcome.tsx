const SUGGESTIONS = [
  'Why is the sky blue?',
  'How do I resume a stream?',
  'Write a short poem about a river that is never cut off.',
];

/** What a new conversation shows. */
export function Welcome({ onAsk }: { readonly onAsk: (question: string) => void }) {
  return (
    <section className="welcome" aria-labelledby="welcome-title">
      <h1 id="welcome-title">Ask something.</h1>
      <p>
        The answer streams in as it is made, and the stream outlives the connection: cut it, reload the page, open it on
        another device. Nothing is lost and nothing is said twice.
      </p>
      <ul className="suggestions" aria-label="Suggestions">
        {SUGGESTIONS.map((suggestion) => (
          <li key={suggestion}>
            <button type="button" className="button suggestion" onClick={() => onAsk(suggestion)}>
              {suggestion}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
