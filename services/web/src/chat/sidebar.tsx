import type { ThreadView } from '@millrace/client';
import type { ThreadListSnapshot, ThreadListStore } from '@millrace/client/conversation';
import { type FormEvent, useRef, useState } from 'react';
import { Virtualizer } from 'virtua';
import { Link } from 'wouter';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog, Dialog } from '../ui/dialog.tsx';
import { Icon } from '../ui/icon.tsx';
import { Menu, MenuItem } from '../ui/menu.tsx';
import { Failure } from './failure.tsx';
import { withVisibleControls } from './markdown/visible-controls.ts';

interface SidebarProps {
  readonly list: ThreadListSnapshot;
  readonly store: ThreadListStore;
  /** id of the thread that is open; null: a new one */
  readonly openThread: string | null;
  readonly onNew: () => void;
  /** after a conversation was chosen */
  readonly onNavigate: () => void;
  readonly onErased: (id: string) => void;
}

/** The caller's conversations: search, open, rename, delete. */
export function Sidebar({ list, store, openThread, onNew, onNavigate, onErased }: SidebarProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [renamed, setRenamed] = useState<ThreadView | null>(null);
  const [erased, setErased] = useState<ThreadView | null>(null);
  const { threads, hasMore, isLoadingMore, isIncomplete, state, search, problem } = list;
  return (
    <div className="side">
      <Button kind="primary" onClick={onNew}>
        <Icon name="plus" /> New conversation
      </Button>
      <label className="search">
        <Icon name="search" />
        <span className="visually-hidden">Search conversations</span>
        <input
          type="search"
          className="input"
          placeholder="Search"
          defaultValue={search ?? ''}
          onChange={(event) => void store.search(event.target.value.trim() || null)}
        />
      </label>
      {problem !== null && (
        <Failure problem={problem}>
          <Button onClick={() => void store.refresh()}>Load again</Button>
        </Failure>
      )}
      {isIncomplete && <p className="field-hint">Some conversations are missing here for the moment.</p>}
      <nav className="threads" aria-label="Conversations">
        <div className="threads-scroller" ref={scroller}>
          <Virtualizer scrollRef={scroller} as="ul" item="li" itemSize={38}>
            {threads.map((thread) => (
              <ThreadRow
                key={thread.id}
                thread={thread}
                isOpen={thread.id === openThread}
                onNavigate={onNavigate}
                onRename={() => setRenamed(thread)}
                onErase={() => setErased(thread)}
              />
            ))}
          </Virtualizer>
          {state === 'ready' && threads.length === 0 && !isIncomplete && (
            <p className="field-hint">{search === null ? 'No conversations yet.' : 'No title has these words.'}</p>
          )}
          {hasMore && (
            <Button kind="quiet" disabled={isLoadingMore} onClick={() => void store.loadMore()}>
              {isLoadingMore ? 'Loading…' : 'Show older ones'}
            </Button>
          )}
        </div>
      </nav>
      {renamed !== null && (
        <RenameDialog
          title={titleOf(renamed)}
          onClose={() => setRenamed(null)}
          onRename={(title) => void store.rename(renamed.id, title)}
        />
      )}
      <ConfirmDialog
        title="Delete this conversation?"
        action="Delete"
        isOpen={erased !== null}
        onClose={() => setErased(null)}
        onConfirm={() => {
          if (erased === null) return;
          void store.erase(erased.id).then((done) => done && onErased(erased.id));
        }}
      >
        “{erased === null ? '' : titleOf(erased)}” is erased for everybody, with its answers and files. What is still
        running is stopped. This cannot be undone.
      </ConfirmDialog>
    </div>
  );
}

/** What a conversation is called in lists. */
export function titleOf({ metadata }: Pick<ThreadView, 'metadata'>): string {
  const title = metadata['title']?.trim();
  return title === undefined || title === '' ? 'Untitled' : withVisibleControls(title);
}

interface ThreadRowProps {
  readonly thread: ThreadView;
  readonly isOpen: boolean;
  readonly onNavigate: () => void;
  readonly onRename: () => void;
  readonly onErase: () => void;
}

function ThreadRow({ thread, isOpen, onNavigate, onRename, onErase }: ThreadRowProps) {
  const { id, status } = thread;
  const title = titleOf(thread);
  return (
    <div className="thread-row reveals" data-open={isOpen}>
      <Link href={`/c/${encodeURIComponent(id)}`} aria-current={isOpen ? 'page' : undefined} onClick={onNavigate}>
        {title}
      </Link>
      {status === 'busy' && <span className="dot" role="img" aria-label="is answering" />}
      {status === 'interrupted' && <span className="dot" data-kind="question" role="img" aria-label="asks something" />}
      <Menu
        trigger={
          <Button kind="quiet" shape="icon" className="reveal" aria-label={`More about ${title}`}>
            <Icon name="more" />
          </Button>
        }
      >
        <MenuItem onSelect={onRename}>Rename…</MenuItem>
        <MenuItem kind="danger" onSelect={onErase}>
          Delete…
        </MenuItem>
      </Menu>
    </div>
  );
}

interface RenameDialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly onRename: (title: string) => void;
}

function RenameDialog({ title, onClose, onRename }: RenameDialogProps) {
  const [changed, setChanged] = useState(title);
  const rename = (event: FormEvent) => {
    event.preventDefault();
    if (changed.trim() === '') return;
    onRename(changed.trim());
    onClose();
  };
  return (
    <Dialog title="Rename conversation" isOpen onClose={onClose}>
      <form className="question-fields" onSubmit={rename}>
        <label className="field">
          <span className="field-label">Title</span>
          <input
            className="input"
            maxLength={200}
            value={changed}
            onChange={(event) => setChanged(event.target.value)}
          />
        </label>
        <div className="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" disabled={changed.trim() === ''}>
            Rename
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
