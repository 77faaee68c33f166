/** Bars of how soon the agent answered: one for each turn, the newest on the right. */

import { h, s, say } from "./dom.js";
import { median, millis, speed } from "./format.js";

const HEIGHT = 34;
const FULL_MS = 1500;
const STEP = 9;

/** Return a drawing with words beside it; `show(ms[])` draws anew. */
export function latencyBars({ most = 16 } = {}) {
  const drawn = s("svg.latency-bars", {
    viewBox: `0 0 ${most * STEP} ${HEIGHT}`, preserveAspectRatio: "xMinYMax meet", "aria-hidden": "true",
  });
  const words = h("span.latency-words");
  const root = h("div.latency", {}, [drawn, words]);
  let before = "";
  return {
    root,
    show(responses) {
      const latest = responses.slice(-most);
      const key = latest.join();
      if (key === before && words.textContent) return;
      before = key;
      const full = Math.max(FULL_MS, ...latest);
      drawn.replaceChildren(
        s("line.latency-floor", { x1: 0, x2: most * STEP, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 }),
        ...latest.map((ms, index) => {
          const tall = Math.max(3, (ms / full) * (HEIGHT - 2));
          const x = index * STEP;
          return s("rect.latency-bar", {
            x, y: HEIGHT - tall, width: STEP - 3, height: tall, rx: 1.5, "data-grade": speed(ms),
          }, [s("title", { text: millis(ms) })]);
        }),
      );
      const middle = median(latest);
      say(words, middle === null ? "No turn yet" : `${millis(latest.at(-1))} last, ${millis(middle)} median`);
    },
  };
}
