import { type RefObject, useLayoutEffect, useRef } from 'react';

// within so many pixels of the end, a reader is following the answer
const NEAR_PX = 64;

/** Keeps the end of a scroller in sight while its content grows, unless the reader has scrolled away from it.
 *  @returns goes to the end at once, and follows from there */
export function useFollowEnd(
  scroller: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
): () => void {
  const isFollowing = useRef(true);
  const toEnd = useRef(() => {
    isFollowing.current = true;
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight, behavior: 'instant' });
  });
  useLayoutEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (box === null || inner === null) return;
    const note = () => {
      isFollowing.current = box.scrollTop + box.clientHeight >= box.scrollHeight - NEAR_PX;
    };
    const observer = new ResizeObserver(() => {
      if (isFollowing.current) toEnd.current();
    });
    box.addEventListener('scroll', note, { passive: true });
    observer.observe(inner);
    return () => {
      box.removeEventListener('scroll', note);
      observer.disconnect();
    };
  }, [scroller, content]);
  return toEnd.current;
}
