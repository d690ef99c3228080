// within so many pixels of the end, a reader is following the answer
const NEAR_PX = 48;

/** Keeps the end of the page in sight while an answer grows, unless the reader has scrolled away from it. */
export function followEnd(growing: HTMLElement): void {
  let isFollowing = true;
  // a reload begins at the end too: what the browser remembers is a place in a page that is still empty
  history.scrollRestoration = 'manual';
  addEventListener(
    'scroll',
    () => {
      isFollowing = scrollY + innerHeight >= document.documentElement.scrollHeight - NEAR_PX;
    },
    { passive: true },
  );
  new ResizeObserver(() => {
    if (isFollowing) scrollToEnd();
  }).observe(growing);
}

/** Goes to the end of the page at once. */
export function scrollToEnd(): void {
  scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' });
}
