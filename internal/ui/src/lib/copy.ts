/** Buttons with data-copy put its text on the clipboard and say so for a moment. */

const SHOWN_MS = 1600;

async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writeTheOldWay(text); // no clipboard API on plain http beyond localhost
  }
}

function writeTheOldWay(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  const before = document.activeElement;
  document.body.append(area);
  area.select();
  const ok = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return ok;
}

export async function copyWith(button: HTMLElement, say: (text: string) => void): Promise<void> {
  const ok = await write(button.dataset["copy"] ?? "");
  say(ok ? "Copied" : "The browser did not allow copying");
  if (!ok) return;
  button.dataset["copied"] = "";
  setTimeout(() => delete button.dataset["copied"], SHOWN_MS);
}

export function startCopy(say: (text: string) => void): void {
  document.addEventListener("click", (e) => {
    const button = e.target instanceof Element ? e.target.closest<HTMLElement>("[data-copy]") : null;
    if (button) void copyWith(button, say);
  });
}
