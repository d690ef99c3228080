import type { ContentPart } from '@millrace/client';
import { Icon } from '../ui/icon.tsx';
import { withVisibleControls } from './markdown/visible-controls.ts';

/** Pictures of these kinds run no script. */
const SHOWN = /^image\/(?:png|jpeg|gif|webp|avif)$/;

/** What a person said: its words as they were typed, and what was attached. */
export function QuestionText({ parts }: { readonly parts: readonly ContentPart[] }) {
  return (
    <div className="question">
      {parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts have no ids, and never change
        <Part key={index} part={part} />
      ))}
    </div>
  );
}

function Part({ part }: { readonly part: ContentPart }) {
  if (part.type === 'text') return <p>{withVisibleControls(part.text)}</p>;
  const name = part.name ?? part.type;
  if (part.data !== undefined && part.mediaType !== undefined && SHOWN.test(part.mediaType)) {
    return <img className="attached-image" src={`data:${part.mediaType};base64,${part.data}`} alt={name} />;
  }
  return (
    <p className="attached">
      <Icon name={part.type === 'image' ? 'image' : 'file'} /> {withVisibleControls(name)}
    </p>
  );
}
