/** The toggle between light and dark. The choice that equals the system's is forgotten, so that the system leads again. */

const KEY = "countersign.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

type Theme = "light" | "dark";

function systemTheme(): Theme {
  return system.matches ? "dark" : "light";
}

function chosen(): Theme | undefined {
  const t = document.documentElement.dataset["theme"];
  return t === "light" || t === "dark" ? t : undefined;
}

function show(): void {
  const shown = chosen() ?? systemTheme();
  document.documentElement.dataset["shown"] = shown;
  for (const b of document.querySelectorAll("[data-theme-toggle]")) {
    b.setAttribute("aria-label", shown === "dark" ? "Switch to the light theme" : "Switch to the dark theme");
  }
}

function toggle(): void {
  const next: Theme = (chosen() ?? systemTheme()) === "dark" ? "light" : "dark";
  try {
    if (next === systemTheme()) {
      delete document.documentElement.dataset["theme"];
      localStorage.removeItem(KEY);
    } else {
      document.documentElement.dataset["theme"] = next;
      localStorage.setItem(KEY, next);
    }
  } catch {
    document.documentElement.dataset["theme"] = next; // storage is refused: for this page only
  }
  show();
}

export function startTheme(): void {
  show();
  system.addEventListener("change", show);
  document.addEventListener("click", (e) => {
    if (e.target instanceof Element && e.target.closest("[data-theme-toggle]")) toggle();
  });
}
