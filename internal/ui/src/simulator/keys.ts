import { copyWith } from "../lib/copy";

const KEY = "countersign.letter-keys";

/** The keyboard: arrows in the list, and letters that can be switched off (WCAG 2.2, 2.1.4). */
export function startKeys(say: (text: string) => void): void {
  const toggle = (): HTMLInputElement | null => document.querySelector("#letter-keys");
  restore(toggle());
  document.addEventListener("change", (e) => {
    if (e.target === toggle()) store(toggle()?.checked !== false);
  });
  document.addEventListener("keydown", (e) => {
    if (e.metaKey || e.ctrlKey || e.altKey || e.defaultPrevented) return;
    const handled = e.key.startsWith("Arrow") || e.key === "Home" || e.key === "End" ? walk(e.key) : press(e, say);
    if (handled) e.preventDefault();
  });
}

function restore(box: HTMLInputElement | null): void {
  try {
    if (box && localStorage.getItem(KEY) === "off") box.checked = false;
  } catch {
    // Storage is refused: the keys stay on.
  }
}

function store(on: boolean): void {
  try {
    if (on) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, "off");
  } catch {
    // For this page only, then.
  }
}

/** Moves focus within the list, or into it from the search field or from nowhere. */
function walk(key: string): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>("#rows .row")].filter((r) => r.checkVisibility());
  const active = document.activeElement;
  const at = rows.findIndex((r) => r === active);
  const outside = active === document.body || active?.id === "q";
  if (rows.length === 0 || (at < 0 && !outside)) return false;
  if (at < 0 && key !== "ArrowDown" && key !== "ArrowUp") return false;
  let next = 0;
  if (at < 0) next = Math.max(0, active === document.body ? rows.findIndex((r) => r.hasAttribute("aria-current")) : 0);
  else if (key === "ArrowDown") next = Math.min(rows.length - 1, at + 1);
  else if (key === "ArrowUp") next = at - 1;
  else if (key === "End") next = rows.length - 1;
  else if (key !== "Home") return false;
  (next < 0 ? document.querySelector<HTMLElement>("#q") : rows[next])?.focus();
  return true;
}

function press(e: KeyboardEvent, say: (text: string) => void): boolean {
  const target = e.target;
  const typing = target instanceof HTMLInputElement && target.type !== "checkbox";
  if (e.key === "Escape" && typing) return leave(target);
  if (typing || document.querySelector<HTMLInputElement>("#letter-keys")?.checked === false) return false;
  switch (e.key) {
    case "c": {
      const button = document.querySelector<HTMLElement>(".latest [data-copy]");
      if (button) void copyWith(button, say);
      return button !== null;
    }
    case "r":
      return focus("#reply-text");
    case "/":
      return focus("#q");
  }
  return false;
}

function leave(field: HTMLInputElement): boolean {
  if (field.id === "q" && field.value) {
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  }
  return focus("#rows .row[aria-current]") || focus("#rows .row");
}

function focus(selector: string): boolean {
  const e = document.querySelector<HTMLElement>(selector);
  e?.focus();
  return e !== null;
}
