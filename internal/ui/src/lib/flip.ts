/** Lets rows glide to their new places: a move by transform alone shifts no layout. */

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export function glide(rows: () => Iterable<HTMLElement>, change: () => void): void {
  const before = new Map<HTMLElement, number>();
  for (const row of rows()) before.set(row, row.offsetTop);
  change();
  for (const row of rows()) {
    const was = before.get(row);
    const dy = was === undefined ? 0 : was - row.offsetTop;
    if (dy !== 0) {
      row.animate([{ transform: `translateY(${dy}px)` }, { transform: "none" }], {
        duration: calm.matches ? 1 : 260,
        easing: "cubic-bezier(0.2, 0, 0, 1)",
      });
    }
  }
}
