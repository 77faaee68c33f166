/** The twelve keys of a telephone, and which key of a keyboard means which. */

export const KEYS = Object.freeze([
  { digit: "1", letters: "" }, { digit: "2", letters: "ABC" }, { digit: "3", letters: "DEF" },
  { digit: "4", letters: "GHI" }, { digit: "5", letters: "JKL" }, { digit: "6", letters: "MNO" },
  { digit: "7", letters: "PQRS" }, { digit: "8", letters: "TUV" }, { digit: "9", letters: "WXYZ" },
  { digit: "*", letters: "", name: "star" }, { digit: "0", letters: "+" },
  { digit: "#", letters: "", name: "hash" },
]);

/** Return the digit that a key press means, or null. Chords belong to browser and reader. */
export function digitOf({ key, ctrlKey = false, altKey = false, metaKey = false }) {
  if (ctrlKey || altKey || metaKey) return null;
  return KEYS.some(({ digit }) => digit === key) ? key : null;
}
