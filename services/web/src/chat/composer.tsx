import type { ContentPart } from '@millrace/client';
import {
  type ChangeEvent,
  type ClipboardEvent,
  type DragEvent,
  type KeyboardEvent,
  type ReactNode,
  type Ref,
  useRef,
  useState,
} from 'react';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { type Attachment, AttachmentRefused, attach } from './attachments.ts';
import { size } from './wording.ts';

interface ComposerProps {
  readonly input: Ref<HTMLTextAreaElement>;
  /** an answer is being made: it can be stopped */
  readonly isBusy: boolean;
  readonly onSend: (content: string | readonly ContentPart[]) => void;
  readonly onStop: () => void;
  /** what else belongs here, such as the choice of a model */
  readonly children?: ReactNode;
}

/** The box at the foot of the page: the question, and what belongs to it. */
export function Composer({ input, isBusy, onSend, onStop, children }: ComposerProps) {
  const [text, setText] = useState('');
  const [attached, setAttached] = useState<readonly Attachment[]>([]);
  const [refusal, setRefusal] = useState<string | null>(null);
  const picker = useRef<HTMLInputElement>(null);

  const send = () => {
    const words = text.trim();
    if (words === '' && attached.length === 0) return;
    const parts = attached.map(({ part }) => part);
    onSend(parts.length === 0 ? words : [...(words === '' ? [] : [{ type: 'text', text: words } as const]), ...parts]);
    setText('');
    setAttached([]);
    setRefusal(null);
  };
  const add = async (files: readonly File[]) => {
    if (files.length === 0) return;
    try {
      const read = await attach(files, attached);
      setAttached((before) => [...before, ...read]);
      setRefusal(null);
    } catch (error) {
      setRefusal(error instanceof AttachmentRefused ? error.message : 'This cannot be attached.');
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // an Enter that ends the composition of a character is no "send"
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  const onPaste = (event: ClipboardEvent) => {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    void add(files);
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    void add([...event.dataTransfer.files]);
  };
  const onPick = (event: ChangeEvent<HTMLInputElement>) => {
    void add([...(event.target.files ?? [])]);
    // the same file may be picked again
    event.target.value = '';
  };
  return (
    <form
      className="composer"
      autoComplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={onDrop}
    >
      {refusal !== null && (
        <p className="notice" data-kind="danger" role="alert">
          {refusal}
        </p>
      )}
      {attached.length > 0 && (
        <ul className="attachments" aria-label="Attachments">
          {attached.map(({ id, name, bytes, part }) => (
            <li key={id}>
              <Icon name={part.type === 'image' ? 'image' : 'file'} />
              <span className="attachment-name">{name}</span> <span className="field-hint">{size(bytes)}</span>
              <Button
                kind="quiet"
                shape="icon"
                aria-label={`Remove ${name}`}
                onClick={() => setAttached(attached.filter((one) => one.id !== id))}
              >
                <Icon name="close" />
              </Button>
            </li>
          ))}
        </ul>
      )}
      <div className="composer-box">
        <label className="visually-hidden" htmlFor="prompt">
          Your question
        </label>
        <textarea
          id="prompt"
          ref={input}
          rows={1}
          placeholder="Ask something…"
          aria-describedby="keys"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        <div className="composer-row">
          <Button
            kind="quiet"
            shape="icon"
            aria-label="Attach files"
            title="Attach files"
            onClick={() => picker.current?.click()}
          >
            <Icon name="attach" />
          </Button>
          <input ref={picker} type="file" multiple hidden aria-label="Files to attach" onChange={onPick} />
          <div className="composer-choices">{children}</div>
          {isBusy && (
            <Button onClick={onStop}>
              <Icon name="stop" /> Stop
            </Button>
          )}
          {(!isBusy || text.trim() !== '') && (
            <Button
              type="submit"
              kind="primary"
              shape="icon"
              aria-label="Send"
              title="Send"
              disabled={text.trim() === '' && attached.length === 0}
            >
              <Icon name="send" />
            </Button>
          )}
        </div>
      </div>
      <p id="keys" className="keys">
        <kbd>Enter</kbd> sends, <kbd>Shift</kbd> <kbd>Enter</kbd> starts a line, <kbd>Esc</kbd> stops
      </p>
    </form>
  );
}
