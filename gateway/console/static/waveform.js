/** Draws the levels of a call: two lanes in one picture, the caller above, the agent below. */

import { isSpeaking, loudness } from "./levels.js";

const GAP_PX = 1;
const BAR_PX = 2;

/** Colours of the theme as it is now; they change with the system's. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { caller: of("--second"), agent: of("--accent"), quiet: of("--line-strong"), line: of("--line") };
}

/** Make a canvas as sharp as the screen; returns its context and its size in CSS pixels. */
function prepared(canvas) {
  const scale = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/**
 * Draw levels from one moment to another across the canvas, one lane for each side.
 *
 * @param {{fromMs: number, toMs: number}} window
 */
export function drawLanes(canvas, levels, { fromMs, toMs }) {
  const { context, width, height } = prepared(canvas);
  if (width === 0) return;
  const tint = colours();
  const lane = height / 2;
  const step = BAR_PX + GAP_PX;
  const columns = Math.floor(width / step);
  const perColumn = (toMs - fromMs) / columns / levels.bucketMs;
  for (let column = 0; column < columns; column += 1) {
    const from = Math.floor(fromMs / levels.bucketMs + column * perColumn);
    const until = Math.max(from + 1, Math.floor(fromMs / levels.bucketMs + (column + 1) * perColumn));
    if (from >= levels.length) break;
    const x = column * step;
    const caller = loudest(levels.caller, from, until, levels.length);
    const agent = loudest(levels.agent, from, until, levels.length);
    bar(context, x, lane / 2, caller.level * lane * 0.46, caller.isSpeaking ? tint.caller : tint.quiet);
    bar(context, x, lane * 1.5, agent.level * lane * 0.46, agent.level > 0.02 ? tint.agent : tint.quiet);
  }
}

function loudest(levels, from, until, length) {
  let level = 0;
  let speaking = false;
  for (let at = Math.max(0, from); at < Math.min(until, length); at += 1) {
    level = Math.max(level, loudness(levels[at]));
    speaking ||= isSpeaking(levels[at]);
  }
  return { level: level / 100, isSpeaking: speaking };
}

function bar(context, x, middle, half, colour) {
  const size = Math.max(0.75, half);
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(x, middle - size, BAR_PX, size * 2, 1);
  context.fill();
}
