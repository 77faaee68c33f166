/** Times, lengths and names as people read them. */

const two = (number) => String(number).padStart(2, "0");

/** 75 s → 1:15 */
export function clock(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

/** 0:03.4: for the lines of a call. */
export const fineClock = (ms) => `${clock(ms)}.${Math.floor((Math.max(0, ms) % 1000) / 100)}`;

/** 420 ms, 1.3 s */
export function millis(ms) {
  if (ms === null || ms === undefined) return "–";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** 14:05 today, otherwise 3 Nov, 14:05. */
export function moment(text) {
  if (!text) return "";
  const at = new Date(text);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  if (at.toDateString() === new Date().toDateString()) return time;
  return `${at.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time}`;
}

/** How long something has been up: 3 d 4 h, 12 min. */
export function span(s) {
  const [days, hours, minutes] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${Math.floor(s)} s`;
}

/** caller_hung_up → Caller hung up */
export function words(name) {
  const text = String(name ?? "").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Return a part of an address as it was before it was written there; what nobody wrote so is left as it is. */
export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The first letter for a round picture. */
export const initial = (name) => (/[\p{L}\p{N}]/u.exec(name ?? "")?.[0] ?? "?").toUpperCase();

/** How quick a response is, as a grade: what feels like a conversation, what feels slow, what feels broken. */
export function speed(ms) {
  if (ms <= 1200) return "good";
  return ms <= 2500 ? "fair" : "poor";
}

/** How good a mean opinion score is. */
export function grade(mos) {
  if (mos >= 4) return "good";
  return mos >= 3.4 ? "fair" : "poor";
}

export function median(numbers) {
  if (numbers.length === 0) return null;
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
