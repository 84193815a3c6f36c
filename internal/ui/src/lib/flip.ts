/**
 * Lets rows glide to their new places. Each is first held where it was by a transform, which shifts no layout, and is
 * let go a frame later: at once for readers who prefer less motion.
 */

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const GLIDE_MS = 260;

export function glide(rows: () => Iterable<HTMLElement>, change: () => void): void {
  const before = new Map<HTMLElement, number>();
  for (const row of rows()) before.set(row, row.getBoundingClientRect().top);
  change();
  const moved: [HTMLElement, string][] = [];
  for (const row of rows()) {
    for (const a of row.getAnimations()) a.cancel(); // an earlier glide would have the last word over the style
    row.style.transform = "";
    const was = before.get(row);
    const dy = was === undefined ? 0 : was - row.getBoundingClientRect().top;
    if (dy !== 0) moved.push([row, `translateY(${dy}px)`]);
  }
  for (const [row, held] of moved) row.style.transform = held;
  if (moved.length > 0) requestAnimationFrame(() => requestAnimationFrame(() => letGo(moved)));
}

function letGo(moved: [HTMLElement, string][]): void {
  for (const [row, held] of moved) {
    if (row.style.transform !== held) continue; // another change came first and took over
    row.style.transform = "";
    if (!calm.matches) {
      row.animate([{ transform: held }, { transform: "none" }], { duration: GLIDE_MS, easing: "cubic-bezier(0.2, 0, 0, 1)" });
    }
  }
}
