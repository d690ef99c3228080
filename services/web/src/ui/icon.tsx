/** Outlines on a grid of 24. */
const PATHS = {
  plus: 'M12 5v14M5 12h14',
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M7 7h10v10H7z',
  down: 'M7 10l5 5 5-5',
  right: 'M10 7l5 5-5 5',
  close: 'M6 6l12 12M18 6L6 18',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  menu: 'M4 7h16M4 12h16M4 17h16',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4',
  attach: 'M20 11.5l-8.2 8.2a5 5 0 0 1-7.1-7.1l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4l7.8-7.8',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  retry: 'M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5',
  edit: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  fork: 'M6 4v7a4 4 0 0 0 4 4h4M18 4v16M14 8l4-4 4 4',
  share: 'M12 15V4M8 8l4-4 4 4M5 12v7h14v-7',
  tool: 'M14.5 6a4 4 0 0 1 5 5l-9 9-4-4 8-8M14.5 6l3.5 3.5',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  theme: 'M12 4v16M12 4a8 8 0 0 1 0 16zM12 4a8 8 0 0 0 0 16',
  key: 'M14.5 9.5a4 4 0 1 0-3 3L13 14h2v2h2v2h3v-3z',
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside words, or in a button with an `aria-label`: assistive technology skips it. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
