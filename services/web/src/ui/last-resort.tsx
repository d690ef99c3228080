import { Component, type ReactNode } from 'react';
import { Button } from './button.tsx';

interface LastResortProps {
  readonly children: ReactNode;
}

/** Says that the page has failed, where there would be nothing to see otherwise. */
export class LastResort extends Component<LastResortProps, { readonly hasFailed: boolean }> {
  override readonly state = { hasFailed: false };

  static getDerivedStateFromError(): { readonly hasFailed: boolean } {
    return { hasFailed: true };
  }

  override render(): ReactNode {
    if (!this.state.hasFailed) return this.props.children;
    return (
      <main className="last-resort">
        <div className="notice" data-kind="danger" role="alert">
          <p>Something went wrong on this page. What the service has accepted goes on. Please load the page again.</p>
          <Button onClick={() => location.reload()}>Load the page again</Button>
        </div>
      </main>
    );
  }
}
