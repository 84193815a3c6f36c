import type { Page } from "./page";

/** How long the second click of a clearing button is awaited, in milliseconds. */
const SURE_MS = 3000;
const TYPING_MS = 120;

/** Replies, clearing and the search field. */
export function startActions(page: Page): void {
  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (!(form instanceof HTMLFormElement)) return;
    if (form.id === "reply") {
      e.preventDefault();
      const input = form.querySelector<HTMLInputElement>("input");
      if (input) void reply(form.dataset["from"] ?? "", input.value).then((ok) => ok && (input.value = ""));
    } else if (form.classList.contains("search")) {
      e.preventDefault();
    }
  });

  document.addEventListener("click", (e) => {
    const target = e.target instanceof Element ? e.target : null;
    const word = target?.closest<HTMLElement>("[data-say]")?.dataset["say"];
    const from = document.querySelector<HTMLElement>("#reply")?.dataset["from"];
    if (word && from) void reply(from, word);
    const clear = target?.closest<HTMLElement>("[data-clear]");
    if (clear) void clearWith(clear, page);
  });

  let typing: ReturnType<typeof setTimeout> | undefined;
  document.addEventListener("input", (e) => {
    const field = e.target;
    if (!(field instanceof HTMLInputElement) || field.id !== "q") return;
    clearTimeout(typing);
    typing = setTimeout(() => page.search(field.value), TYPING_MS);
  });
}

/** Sends what was typed on the phone. It appears when the stream brings it back. */
async function reply(from: string, text: string): Promise<boolean> {
  const problem = document.getElementById("reply-error");
  const tell = (message: string): boolean => {
    if (problem) problem.textContent = message;
    return message === "";
  };
  if (!text.trim()) return false;
  try {
    const answer = await fetch("/simulator/inbound", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ from, text }),
    });
    if (answer.ok) return tell("");
    const { message } = (await answer.json()) as { message?: string };
    return tell(`Not sent: ${message ?? answer.statusText}`);
  } catch {
    return tell("Not sent: Countersign does not answer.");
  }
}

/** The first click asks, the second one clears. */
async function clearWith(button: HTMLElement, page: Page): Promise<void> {
  const label = button.querySelector("span");
  if (!label) return;
  if (button.dataset["asked"] === undefined) {
    const calm = label.textContent ?? "";
    button.dataset["asked"] = calm;
    label.textContent = button.dataset["sure"] ?? "Sure?";
    setTimeout(() => {
      label.textContent = calm;
      delete button.dataset["asked"];
    }, SURE_MS);
    return;
  }
  const to = button.dataset["clear"];
  await fetch(`/simulator/inbox${to ? `?to=${encodeURIComponent(to)}` : ""}`, { method: "DELETE" }).catch(() => undefined);
  history.replaceState(null, "", "/simulator/");
  await page.refresh();
}
