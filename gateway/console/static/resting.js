/** Lets the stream of a page that nobody looks at rest: a browser holds six connections to a gateway, for all its tabs. */

const REST_MS = 60_000;

/**
 * @param {Document} page tells when it is hidden and seen again
 * @param {{isOpen: boolean, open: () => void, close: () => void}} stream goes on where it was when it is opened again
 */
export function restWhileHidden(page, stream, restMs = REST_MS) {
  let timer = 0;
  let isResting = false;
  page.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (page.hidden) {
      timer = setTimeout(() => {
        // One that was closed for another reason (nobody is signed in) stays closed.
        isResting = stream.isOpen;
        if (isResting) stream.close();
      }, restMs);
    } else if (isResting) {
      isResting = false;
      stream.open();
    }
  });
}
